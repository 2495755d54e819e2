// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CheckpointAnchor} from "../solidity/CheckpointAnchor.sol";
import {InclusionProof} from "../solidity/InclusionProof.sol";

/// Trees and proofs by the recursive definitions of RFC 9162 (2.1.1, 2.1.3.1 and 2.1.4.1), which the contract's loops
/// have nothing in common with.
contract MerkleProofsTest {
    uint256 internal constant LARGEST = 33;
    InclusionProof internal immutable verifier = new InclusionProof(CheckpointAnchor(address(0)));

    function test_leafHashIsThePublishedOne() public view {
        require(
            verifier.leafHash("") == 0x6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d, "empty"
        );
        require(
            verifier.leafHash(hex"00") == 0x96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7,
            "one byte"
        );
    }

    function test_everyLeafOfEveryTreeIsIncluded() public view {
        for (uint64 size = 1; size <= LARGEST; ++size) {
            bytes32 root = mth(0, size);
            for (uint64 index = 0; index < size; ++index) {
                bytes32[] memory proof = path(index, 0, size);
                require(verifier.verifyInclusion(leaf(index), index, size, proof, root), "included");
                require(!verifier.verifyInclusion(leaf(index + 1), index, size, proof, root), "another leaf");
                require(!verifier.verifyInclusion(leaf(index), index, size, proof, ~root), "another root");
                require(!verifier.verifyInclusion(leaf(index), size, size, proof, root), "outside");
                require(!verifier.verifyInclusion(leaf(index), index, size, longer(proof), root), "too long");
                if (proof.length == 0) continue;
                require(!verifier.verifyInclusion(leaf(index), index, size, shorter(proof), root), "too short");
                uint64 other = index == 0 ? size - 1 : index - 1;
                require(!verifier.verifyInclusion(leaf(index), other, size, proof, root), "another place");
            }
        }
    }

    function test_everyTreeExtendsEverySmallerOne() public view {
        for (uint64 size = 1; size <= LARGEST; ++size) {
            bytes32 root = mth(0, size);
            for (uint64 old = 1; old < size; ++old) {
                bytes32 oldRoot = mth(0, old);
                bytes32[] memory proof = subproof(old, 0, size, true);
                require(verifier.verifyConsistency(old, oldRoot, size, root, proof), "extends");
                require(!verifier.verifyConsistency(old, ~oldRoot, size, root, proof), "another old root");
                require(!verifier.verifyConsistency(old, oldRoot, size, ~root, proof), "another root");
                require(!verifier.verifyConsistency(size, root, old, oldRoot, proof), "shrinks");
                require(!verifier.verifyConsistency(old, oldRoot, size, root, longer(proof)), "too long");
                require(!verifier.verifyConsistency(old, oldRoot, size, root, shorter(proof)), "too short");
                require(!verifier.verifyConsistency(old, oldRoot, size, root, new bytes32[](0)), "empty");
            }
            require(verifier.verifyConsistency(size, root, size, root, new bytes32[](0)), "itself");
            require(!verifier.verifyConsistency(size, root, size, ~root, new bytes32[](0)), "itself, otherwise");
            require(!verifier.verifyConsistency(size, root, size, root, new bytes32[](1)), "itself, with a hash");
            require(!verifier.verifyConsistency(0, mth(0, 0), size, root, new bytes32[](0)), "the empty tree");
        }
    }

    function test_sizesThatJavaScriptCannotCountAreRefused() public view {
        uint64 size = 2 ** 53;
        bytes32 node = leaf(0);
        bytes32[] memory proof = new bytes32[](53);
        for (uint256 i = 0; i < 53; ++i) {
            proof[i] = leaf(i);
            node = sha256(abi.encodePacked(bytes1(0x01), node, proof[i]));
        }
        require(!verifier.verifyInclusion(leaf(0), 0, size, proof, node), "too large");
        require(!verifier.verifyConsistency(1, leaf(0), size, node, proof), "too large to extend to");
    }

    /// A verifier that runs out of gas must not answer "no": a caller would take that for a finding.
    function test_withTooLittleGasThereIsNoAnswer() public view {
        uint64 size = uint64(LARGEST);
        bytes32 root = mth(0, size);
        bytes32[] memory proof = path(6, 0, size);
        bytes32[] memory growth = subproof(7, 0, size, true);
        bytes32 oldRoot = mth(0, 7);
        uint256 answers = 0;
        for (uint256 given = 600; given < 12_000; given += 7) {
            try verifier.verifyInclusion{gas: given}(leaf(6), 6, size, proof, root) returns (bool held) {
                require(held, "no for want of gas");
                ++answers;
            } catch {}
            try verifier.verifyConsistency{gas: given}(7, oldRoot, size, root, growth) returns (bool held) {
                require(held, "no for want of gas");
                ++answers;
            } catch {}
        }
        require(answers > 0, "never enough");
    }

    function leaf(uint256 index) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(bytes1(0x00), index));
    }

    /// Merkle Tree Hash of the leaves from `start` to before `end`.
    function mth(uint256 start, uint256 end) internal pure returns (bytes32) {
        if (start == end) return sha256("");
        if (end - start == 1) return leaf(start);
        uint256 middle = start + split(end - start);
        return sha256(abi.encodePacked(bytes1(0x01), mth(start, middle), mth(middle, end)));
    }

    /// PATH(m, D[n]).
    function path(uint256 index, uint256 start, uint256 end) internal pure returns (bytes32[] memory) {
        if (end - start == 1) return new bytes32[](0);
        uint256 middle = start + split(end - start);
        return index < middle
            ? joined(path(index, start, middle), mth(middle, end))
            : joined(path(index, middle, end), mth(start, middle));
    }

    /// SUBPROOF(m, D[n], b), of a range of the leaves.
    function subproof(uint256 old, uint256 start, uint256 end, bool complete)
        internal
        pure
        returns (bytes32[] memory)
    {
        if (old == end) return complete ? new bytes32[](0) : joined(new bytes32[](0), mth(start, end));
        uint256 middle = start + split(end - start);
        return old <= middle
            ? joined(subproof(old, start, middle, complete), mth(middle, end))
            : joined(subproof(old, middle, end, false), mth(start, middle));
    }

    /// Largest power of two below a number.
    function split(uint256 count) internal pure returns (uint256 power) {
        power = 1;
        while (power * 2 < count) power *= 2;
    }

    function joined(bytes32[] memory list, bytes32 last) internal pure returns (bytes32[] memory all) {
        all = new bytes32[](list.length + 1);
        for (uint256 i = 0; i < list.length; ++i) all[i] = list[i];
        all[list.length] = last;
    }

    function longer(bytes32[] memory list) internal pure returns (bytes32[] memory) {
        return joined(list, bytes32(uint256(1)));
    }

    function shorter(bytes32[] memory list) internal pure returns (bytes32[] memory all) {
        all = new bytes32[](list.length - 1);
        for (uint256 i = 0; i < all.length; ++i) all[i] = list[i];
    }
}
