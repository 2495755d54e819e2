// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Rfc9162
/// @notice Verification of Merkle proofs as transparency logs make them (RFC 9162, section 2.1), with SHA-256.
/// @dev Says yes to exactly the proofs that Assay's verifier in TypeScript says yes to.
library Rfc9162 {
    /// @notice Largest size of a tree: beyond it JavaScript's numbers are not exact any more.
    uint256 internal constant MAX_SIZE = 2 ** 53 - 1;

    /// @notice Hash of a leaf: SHA-256(0x00 ‖ entry).
    function leafHash(bytes memory entry) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(bytes1(0x00), entry));
    }

    /// @notice Whether a tree holds a leaf at an index (section 2.1.3.2).
    /// @param leaf Hash of the leaf.
    /// @param proof Hashes from the leaf's sibling upwards.
    /// @dev In assembly, for it is called for every figure that is read on a chain: the same in Solidity takes 1.6
    ///      times the gas. Left and right lie in one place of memory, behind the byte 0x01 of a node.
    function verifyInclusion(bytes32 leaf, uint256 index, uint256 size, bytes32[] calldata proof, bytes32 root)
        internal
        view
        returns (bool held)
    {
        if (size > MAX_SIZE || index >= size) return false;
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            let node := mload(0x40)
            let left := add(node, 0x01)
            let right := add(node, 0x21)
            mstore8(node, 0x01)
            mstore(0x00, leaf)
            let last := sub(size, 1)
            let next := proof.offset
            let end := add(next, shl(5, proof.length))
            for {} and(lt(next, end), gt(last, 0)) { next := add(next, 0x20) } {
                switch or(and(index, 1), eq(index, last))
                case 0 {
                    mstore(left, mload(0x00))
                    mstore(right, calldataload(next))
                }
                default {
                    mstore(left, calldataload(next))
                    mstore(right, mload(0x00))
                    // The last node of a level without a sibling moved up as it was.
                    for {} iszero(or(and(index, 1), iszero(index))) {} {
                        index := shr(1, index)
                        last := shr(1, last)
                    }
                }
                // The precompile fails only without gas, and then so must this.
                if iszero(staticcall(gas(), 0x02, node, 0x41, 0x00, 0x20)) { revert(0, 0) }
                index := shr(1, index)
                last := shr(1, last)
            }
            // Neither a hash left over nor a level without one.
            held := and(and(eq(next, end), iszero(last)), eq(mload(0x00), root))
        }
    }

    /// @notice Whether a tree extends an older one (section 2.1.4.2). An old size of 0 is refused: every tree
    ///         extends the empty one, so there is nothing to prove.
    function verifyConsistency(
        uint256 oldSize,
        bytes32 oldRoot,
        uint256 newSize,
        bytes32 newRoot,
        bytes32[] calldata proof
    ) internal view returns (bool) {
        if (oldSize == 0 || oldSize > newSize || newSize > MAX_SIZE) return false;
        if (oldSize == newSize) return proof.length == 0 && oldRoot == newRoot;
        if (proof.length == 0) return false;
        unchecked {
            uint256 node = oldSize - 1;
            uint256 last = newSize - 1;
            while (node & 1 == 1) {
                node >>= 1;
                last >>= 1;
            }
            // A power of two is a complete subtree, so the old root itself begins the proof.
            uint256 i = node == 0 ? 0 : 1;
            bytes32 oldHash = node == 0 ? oldRoot : proof[0];
            bytes32 newHash = oldHash;
            for (; i < proof.length; ++i) {
                if (last == 0) return false;
                if (node & 1 == 1 || node == last) {
                    oldHash = nodeHash(proof[i], oldHash);
                    newHash = nodeHash(proof[i], newHash);
                    while (node & 1 == 0 && node != 0) {
                        node >>= 1;
                        last >>= 1;
                    }
                } else {
                    newHash = nodeHash(newHash, proof[i]);
                }
                node >>= 1;
                last >>= 1;
            }
            return last == 0 && oldHash == oldRoot && newHash == newRoot;
        }
    }

    /// @notice Hash of a node: SHA-256(0x01 ‖ left ‖ right).
    /// @dev In assembly: Solidity's own call of the precompile copies the input through memory a second time, which
    ///      costs as much again as the hash.
    function nodeHash(bytes32 left, bytes32 right) internal view returns (bytes32 hash) {
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore8(free, 0x01)
            mstore(add(free, 0x01), left)
            mstore(add(free, 0x21), right)
            // The precompile fails only without gas, and then so must this.
            if iszero(staticcall(gas(), 0x02, free, 0x41, 0x00, 0x20)) { revert(0, 0) }
            hash := mload(0x00)
        }
    }
}
