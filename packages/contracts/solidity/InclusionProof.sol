// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CheckpointAnchor} from "./CheckpointAnchor.sol";
import {Rfc9162} from "./Rfc9162.sol";

/// @title InclusionProof
/// @notice Lets contracts ask whether an entry is in a log: by a root that they bring, or by one that is anchored.
contract InclusionProof {
    CheckpointAnchor public immutable anchors;

    constructor(CheckpointAnchor anchors_) {
        anchors = anchors_;
    }

    /// @notice Hash of a log entry: SHA-256(0x00 ‖ entry).
    function leafHash(bytes calldata entry) external pure returns (bytes32) {
        return Rfc9162.leafHash(entry);
    }

    /// @notice Whether a tree holds a leaf at an index (RFC 9162, section 2.1.3.2).
    function verifyInclusion(bytes32 leaf, uint64 index, uint64 size, bytes32[] calldata proof, bytes32 root)
        external
        view
        returns (bool)
    {
        return Rfc9162.verifyInclusion(leaf, index, size, proof, root);
    }

    /// @notice Whether a tree extends an older one (RFC 9162, section 2.1.4.2).
    function verifyConsistency(
        uint64 oldSize,
        bytes32 oldRoot,
        uint64 newSize,
        bytes32 newRoot,
        bytes32[] calldata proof
    ) external view returns (bool) {
        return Rfc9162.verifyConsistency(oldSize, oldRoot, newSize, newRoot, proof);
    }

    /// @notice Whether a leaf is in a log, under a checkpoint that this chain recorded.
    /// @param originId keccak256 of the log's origin line.
    /// @param size Size of the newest anchored checkpoint, or of one that was anchored with history.
    function isLogged(bytes32 originId, uint64 size, bytes32 leaf, uint64 index, bytes32[] calldata proof)
        external
        view
        returns (bool)
    {
        bytes32 root = anchors.rootAt(originId, size);
        return root != 0 && Rfc9162.verifyInclusion(leaf, index, size, proof, root);
    }
}
