// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

/// @notice What the chain enforces of a data contract.
struct Criteria {
    /// Level that accepted data must have reached, 0 to 5 (L0 signed and logged … L5 signed by a human auditor).
    uint8 requiredLevel;
    /// How long a verdict may be challenged after it was posted, in seconds.
    uint32 disputeSeconds;
    /// Share of observations that is computed again by others, in parts per million.
    uint32 samplingPpm;
    /// Age from which a value no longer counts, in seconds; 0 when the contract is not about a number.
    uint32 maxStalenessSeconds;
    /// Largest distance from the committee's median, in basis points of the median.
    uint16 maxDeviationBps;
    /// Decimals of `minimum`, `maximum` and of the values that are held against them.
    uint8 decimals;
    /// Provider's stake that one case puts at risk, in the token's smallest unit.
    uint128 stakeAtRisk;
    /// Reward for one accepted observation, in the token's smallest unit.
    uint128 rewardPerObservation;
    /// Smallest and largest value that can be true.
    int256 minimum;
    int256 maximum;
}

/// @title QualityCriteria
/// @notice The data contracts in force, by the SHA-256 of their ODCS document, and what a chain can check of them.
///         Governance decides; every change has a number and a time.
contract QualityCriteria is AccessManaged {
    /// @notice Answer of `check`.
    enum Finding {
        Pass,
        /// The contract is not in force or not about a number.
        NoCriteria,
        BelowMinimum,
        AboveMaximum,
        Stale,
        /// The value says that it was observed in the future.
        FromTheFuture,
        Deviates
    }

    /// @notice Longest time for challenges, in seconds: the part of the unbonding time that is theirs.
    uint32 public constant MAX_DISPUTE_SECONDS = 3 days;
    /// @notice Shortest time for challenges, in seconds.
    uint32 public constant MIN_DISPUTE_SECONDS = 10 minutes;
    /// @notice How far an observer's clock may be ahead, in seconds.
    uint256 public constant MAX_CLOCK_SKEW_SECONDS = 30;

    struct Entry {
        Criteria criteria;
        /// Counts changes; 0 when there never was such a contract.
        uint32 revision;
        /// When this revision came into force, in seconds since the epoch.
        uint48 since;
        bool inForce;
    }

    mapping(bytes32 contractDigest => Entry) internal entries;

    event CriteriaSet(bytes32 indexed contractDigest, uint32 indexed revision, Criteria criteria);
    event ContractRetired(bytes32 indexed contractDigest, uint32 indexed revision);

    error LevelUnknown(uint8 level);
    error DisputeSecondsOutside(uint32 least, uint32 most, uint32 given);
    error ShareTooLarge(uint256 most, uint256 given);
    error RangeEmpty(int256 minimum, int256 maximum);
    error DigestZero();
    error NotInForce(bytes32 contractDigest);

    constructor(address authority) AccessManaged(authority) {}

    /// @notice Puts a data contract into force, or changes what is asked of it from now on.
    /// @param contractDigest SHA-256 of the ODCS document.
    function set(bytes32 contractDigest, Criteria calldata criteria) external restricted {
        if (contractDigest == 0) revert DigestZero();
        if (criteria.requiredLevel > 5) revert LevelUnknown(criteria.requiredLevel);
        if (criteria.disputeSeconds < MIN_DISPUTE_SECONDS || criteria.disputeSeconds > MAX_DISPUTE_SECONDS)
            revert DisputeSecondsOutside(MIN_DISPUTE_SECONDS, MAX_DISPUTE_SECONDS, criteria.disputeSeconds);
        if (criteria.samplingPpm > 1_000_000) revert ShareTooLarge(1_000_000, criteria.samplingPpm);
        if (criteria.maxDeviationBps > 10_000) revert ShareTooLarge(10_000, criteria.maxDeviationBps);
        if (criteria.minimum > criteria.maximum) revert RangeEmpty(criteria.minimum, criteria.maximum);
        Entry storage entry = entries[contractDigest];
        entry.criteria = criteria;
        ++entry.revision;
        entry.since = uint48(block.timestamp);
        entry.inForce = true;
        emit CriteriaSet(contractDigest, entry.revision, criteria);
    }

    /// @notice Ends a data contract: no verdict under it is posted any more. What was posted takes its course.
    function retire(bytes32 contractDigest) external restricted {
        Entry storage entry = entries[contractDigest];
        if (!entry.inForce) revert NotInForce(contractDigest);
        entry.inForce = false;
        ++entry.revision;
        entry.since = uint48(block.timestamp);
        emit ContractRetired(contractDigest, entry.revision);
    }

    /// @notice What is asked of a data contract, and since when.
    function criteriaOf(bytes32 contractDigest)
        external
        view
        returns (Criteria memory criteria, uint32 revision, uint48 since, bool inForce)
    {
        Entry storage entry = entries[contractDigest];
        return (entry.criteria, entry.revision, entry.since, entry.inForce);
    }

    /// @notice The part that courts read often: whether the contract is in force, its time for challenges in
    ///         seconds, the stake at risk and the reward, in the token's smallest unit.
    function termsOf(bytes32 contractDigest)
        external
        view
        returns (bool inForce, uint8 requiredLevel, uint32 disputeSeconds, uint128 stakeAtRisk, uint128 reward)
    {
        Entry storage entry = entries[contractDigest];
        Criteria storage criteria = entry.criteria;
        return (
            entry.inForce,
            criteria.requiredLevel,
            criteria.disputeSeconds,
            criteria.stakeAtRisk,
            criteria.rewardPerObservation
        );
    }

    /// @notice Share of observations that a data contract wants computed again, in parts per million.
    function samplingPpmOf(bytes32 contractDigest) external view returns (uint32) {
        return entries[contractDigest].criteria.samplingPpm;
    }

    /// @notice Holds a number against its data contract.
    /// @param value With the contract's decimals.
    /// @param observedAt Seconds since the epoch.
    /// @param median The committee's median, with the same decimals.
    function check(bytes32 contractDigest, int256 value, uint256 observedAt, int256 median)
        external
        view
        returns (Finding)
    {
        Entry storage entry = entries[contractDigest];
        Criteria storage criteria = entry.criteria;
        if (!entry.inForce || criteria.maxStalenessSeconds == 0) return Finding.NoCriteria;
        if (value < criteria.minimum) return Finding.BelowMinimum;
        if (value > criteria.maximum) return Finding.AboveMaximum;
        if (observedAt > block.timestamp + MAX_CLOCK_SKEW_SECONDS) return Finding.FromTheFuture;
        if (observedAt + criteria.maxStalenessSeconds < block.timestamp) return Finding.Stale;
        // Both lie between minimum and maximum or the value fails anyway; the distance is taken without a sign.
        uint256 distance = value > median ? _distance(value, median) : _distance(median, value);
        uint256 size = median < 0 ? _distance(0, median) : uint256(median);
        return _exceeds(distance, criteria.maxDeviationBps, size) ? Finding.Deviates : Finding.Pass;
    }

    /// @dev Right also where the difference does not fit into an int256.
    function _distance(int256 larger, int256 smaller) internal pure returns (uint256) {
        unchecked {
            return uint256(larger) - uint256(smaller);
        }
    }

    /// @dev Whether distance / size > bps / 10,000, without overflow.
    function _exceeds(uint256 distance, uint256 bps, uint256 size) internal pure returns (bool) {
        // distance > bps·size/10,000 holds just when distance > its whole part, as distance is a whole number.
        return distance > (size / 10_000) * bps + (size % 10_000) * bps / 10_000;
    }
}
