// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title IStakeVault
/// @notice Holds all stakes, bonds and rewards; the contracts that decide hold none. Amounts are in the token's
///         smallest unit.
/// @dev All functions that change something here are for courts, which the access manager names. What one court
///      locks or collects no other court can touch: locks and pots belong to the caller.
interface IStakeVault {
    /// @notice Time between a provider's wish to leave and the withdrawal, in seconds. Never changes.
    function unbondingSeconds() external view returns (uint48);

    /// @notice A provider's stake. What is unbonding can still be locked and slashed.
    /// @return total Stake, with what is locked and what is unbonding.
    /// @return locked Part of it that open cases and tasks hold.
    /// @return unbonding Part of it that is leaving.
    /// @return withdrawableAt When the unbonding part may leave, in seconds since the epoch; 0 when nothing is.
    function stakeOf(bytes32 providerId)
        external
        view
        returns (uint256 total, uint256 locked, uint256 unbonding, uint48 withdrawableAt);

    /// @notice Locks up to an amount of a provider's stake for the calling court.
    /// @return locked What was free to be locked, at most `amount`.
    function lock(bytes32 providerId, uint256 amount) external returns (uint256 locked);

    /// @notice Gives back what the calling court locked.
    function unlock(bytes32 providerId, uint256 amount) external;

    /// @notice Slashes what the calling court locked, into one of its pots.
    function seize(bytes32 providerId, uint256 amount, bytes32 potId) external;

    /// @notice Takes a bond into one of the calling court's pots. The payer approved the vault for it before.
    function collect(address from, uint256 amount, bytes32 potId) external;

    /// @notice Credits part of one of the calling court's pots to somebody, who claims it by himself.
    function pay(bytes32 potId, address to, uint256 amount) external;

    /// @notice Destroys part of one of the calling court's pots.
    function burn(bytes32 potId, uint256 amount) external;

    /// @notice Credits a reward out of the reward pool, as far as it goes.
    /// @return paid At most `amount`; less when the pool is nearly empty, never an error.
    function reward(address to, uint256 amount) external returns (uint256 paid);

    /// @notice Moves up to an amount from the reward pool into one of the calling court's pots.
    function reserve(bytes32 potId, uint256 amount) external returns (uint256 reserved);
}

/// @title IProviderRegistry
/// @notice Who may act for a provider.
interface IProviderRegistry {
    /// @notice The account that acts for a provider; zero when there is no such provider.
    /// @param providerId keccak256(abi.encode(did, first controller)): nobody can take another's.
    function controllerOf(bytes32 providerId) external view returns (address);
}
