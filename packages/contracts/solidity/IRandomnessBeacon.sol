// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title IRandomnessBeacon
/// @notice Randomness that is drawn in numbered rounds and that anybody can bring here with its proof.
interface IRandomnessBeacon {
    /// @notice The first round that nobody can know yet, whatever he does in this block.
    function nextRound() external view returns (uint64 round);

    /// @notice What a round drew; zero while nobody brought it.
    function randomnessOf(uint64 round) external view returns (bytes32 randomness);

    /// @notice True when the proposer of one block can have a round drawn again, by giving up his block.
    function biasableByProposer() external view returns (bool);
}
