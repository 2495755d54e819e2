// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {CheckpointAnchor} from "./CheckpointAnchor.sol";

/// @title EasAdapter
/// @notice Anchors a checkpoint and tells the Ethereum Attestation Service of it, where there is one, so that its
///         tools find the root too. Whatever EAS does, the anchor stands.
/// @dev Be the log's anchorer in CheckpointAnchor; callers are those that `restricted` lets through.
contract EasAdapter is AccessManaged {
    /// @notice Gas that EAS may use; `timestamp` needs about 46,000.
    uint256 public constant EAS_GAS = 120_000;
    bytes4 internal constant TIMESTAMP = bytes4(keccak256("timestamp(bytes32)"));

    CheckpointAnchor public immutable anchors;
    /// @notice Where EAS is on this chain; zero where it is not.
    address public eas;

    event EasSet(address indexed eas);
    /// @notice EAS was told of a root, or could not be.
    event EasTold(bytes32 indexed originId, uint64 indexed size, bytes32 root, bool done);

    /// @notice Too little gas is left to give EAS its part and go on.
    error GasTooLow(uint256 needed, uint256 left);

    constructor(address authority, CheckpointAnchor anchors_) AccessManaged(authority) {
        anchors = anchors_;
    }

    /// @notice Says where EAS is; zero turns it off.
    function setEas(address eas_) external restricted {
        eas = eas_;
        emit EasSet(eas_);
    }

    /// @notice Anchors a checkpoint, then has EAS timestamp its root.
    function anchor(bytes32 originId, uint64 size, bytes32 root) external restricted {
        anchors.anchor(originId, size, root);
        address target = eas;
        if (target == address(0)) return;
        // Without this a caller could starve EAS of gas and still anchor, and nobody would see why it was not told.
        uint256 needed = EAS_GAS + EAS_GAS / 32 + 10_000;
        if (gasleft() < needed) revert GasTooLow(needed, gasleft());
        bytes memory input = abi.encodeWithSelector(TIMESTAMP, root);
        bool done;
        uint256 gasLimit = EAS_GAS;
        // Nothing is copied of what it answers: a long answer would be paid for here.
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            done := call(gasLimit, target, 0, add(input, 0x20), mload(input), 0, 0)
        }
        emit EasTold(originId, size, root, done && target.code.length > 0);
    }
}
