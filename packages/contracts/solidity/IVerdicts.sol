// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title IVerdicts
/// @notice What others ask the court.
interface IVerdicts {
    /// @notice The final verdict on an observation under a data contract.
    /// @return decision 0 none yet, 1 accept, 2 flag, 3 reject.
    /// @return level 0 to 5.
    /// @return finalAt Seconds since the epoch.
    function verdictOf(bytes32 contractDigest, bytes32 subject)
        external
        view
        returns (uint8 decision, uint8 level, uint48 finalAt);
}
