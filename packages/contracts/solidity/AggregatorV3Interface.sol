// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title AggregatorV3Interface
/// @notice The interface by which DeFi contracts read Chainlink's feeds: the same functions, selectors and results.
// solhint-disable-next-line interface-starts-with-i
interface AggregatorV3Interface {
    /// @notice Decimals of the answers.
    function decimals() external view returns (uint8);

    /// @notice What the feed is about, e.g. "BTC / USD".
    function description() external view returns (string memory);

    /// @notice Version of the feed's code.
    function version() external view returns (uint256);

    /// @notice One round.
    /// @return roundId The round asked for.
    /// @return answer With the feed's decimals.
    /// @return startedAt Seconds since the epoch.
    /// @return updatedAt Seconds since the epoch; consumers measure the answer's age from here.
    /// @return answeredInRound The round that the answer is from; smaller than `roundId` when it is an older one.
    function getRoundData(uint80 roundId_)
        external
        view
        returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound);

    /// @notice The newest round; the results mean what they mean for `getRoundData`.
    function latestRoundData()
        external
        view
        returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound);
}
