// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title AggregatorInterface
/// @notice The older half of Chainlink's interface, which some contracts and most indexers still read.
// solhint-disable-next-line interface-starts-with-i
interface AggregatorInterface {
    /// @notice There is a new answer.
    /// @param current With the feed's decimals.
    /// @param updatedAt Seconds since the epoch.
    event AnswerUpdated(int256 indexed current, uint256 indexed roundId, uint256 updatedAt);
    /// @notice There is a new round.
    /// @param startedBy Who sent it.
    /// @param startedAt Seconds since the epoch.
    event NewRound(uint256 indexed roundId, address indexed startedBy, uint256 startedAt);

    /// @notice The newest answer; 0 when there is none.
    function latestAnswer() external view returns (int256);

    /// @notice When the newest answer was updated, in seconds since the epoch; 0 when there is none.
    function latestTimestamp() external view returns (uint256);

    /// @notice The newest round; 0 when there is none.
    function latestRound() external view returns (uint256);

    /// @notice The answer of a round; 0 when there is none.
    function getAnswer(uint256 roundId) external view returns (int256);

    /// @notice When the answer of a round was updated, in seconds since the epoch; 0 when there is none.
    function getTimestamp(uint256 roundId) external view returns (uint256);
}
