// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IProviderRegistry, IStakeVault} from "./IStakeVault.sol";

/// @title StakeVault
/// @notice Holds the stakes of providers, the bonds of disputes and the pool that rewards come from. Courts decide
///         where they go; what is due to somebody is credited, and he claims it himself.
/// @dev At every moment the vault's balance is at least the sum of stakes, pots, credits and the reward pool. Tokens
///      sent here by a plain transfer belong to nobody and stay.
contract StakeVault is IStakeVault, AccessManaged {
    using SafeERC20 for ERC20Burnable;

    struct Account {
        /// Stake that its owner has not asked back.
        uint128 active;
        /// Stake on its way out; it can still be slashed.
        uint128 unbonding;
        /// Part of both that courts hold.
        uint128 locked;
        /// When the unbonding part may leave, in seconds since the epoch.
        uint48 withdrawableAt;
    }

    /// @inheritdoc IStakeVault
    /// @dev Fixed for ever: the courts refuse periods whose sum exceeds it, so whoever lied is still here to pay.
    // solhint-disable-next-line const-name-snakecase
    uint48 public constant unbondingSeconds = 21 days;

    ERC20Burnable public immutable token;
    IProviderRegistry public immutable registry;

    mapping(bytes32 providerId => Account) internal accounts;
    /// @notice What a court holds of a provider's stake.
    mapping(address court => mapping(bytes32 providerId => uint256)) public lockedBy;
    /// @notice Bonds and slashed stake that a court has yet to give to somebody.
    mapping(address court => mapping(bytes32 potId => uint256)) public potOf;
    /// @notice Amounts that wait to be claimed.
    mapping(address => uint256) public owed;
    /// @notice What rewards are paid from.
    uint256 public rewardPool;

    event Staked(bytes32 indexed providerId, address indexed from, uint256 amount);
    event UnbondingBegun(bytes32 indexed providerId, uint256 amount, uint48 withdrawableAt);
    event UnbondingCancelled(bytes32 indexed providerId, uint256 amount);
    event Withdrawn(bytes32 indexed providerId, address indexed to, uint256 amount);
    event Locked(address indexed court, bytes32 indexed providerId, uint256 amount);
    event Unlocked(address indexed court, bytes32 indexed providerId, uint256 amount);
    event Slashed(address indexed court, bytes32 indexed providerId, bytes32 indexed potId, uint256 amount);
    event BondCollected(address indexed court, bytes32 indexed potId, address indexed from, uint256 amount);
    event Credited(address indexed court, bytes32 indexed potId, address indexed to, uint256 amount);
    event Burned(address indexed court, bytes32 indexed potId, uint256 amount);
    event Reserved(address indexed court, bytes32 indexed potId, uint256 amount);
    event Rewarded(address indexed court, address indexed to, uint256 amount);
    event RewardPoolFunded(address indexed from, uint256 amount);
    event Claimed(address indexed account, address indexed to, uint256 amount);

    error ProviderUnknown(bytes32 providerId);
    error NotController(bytes32 providerId, address caller);
    error AmountZero();
    error AmountTooLarge(uint256 available, uint256 asked);
    error ReceiverZero();
    /// @notice The stake is still unbonding.
    error TooEarly(uint48 withdrawableAt);
    /// @notice Open cases hold the rest of the stake.
    error NothingToWithdraw(bytes32 providerId);

    constructor(address authority, ERC20Burnable token_, IProviderRegistry registry_) AccessManaged(authority) {
        token = token_;
        registry = registry_;
    }

    // ------------------------------------------------------------------------------------------ for providers

    /// @notice Adds to a provider's stake. The sender approved the vault before; anybody may, and it is a gift.
    function stake(bytes32 providerId, uint128 amount) external {
        if (registry.controllerOf(providerId) == address(0)) revert ProviderUnknown(providerId);
        if (amount == 0) revert AmountZero();
        accounts[providerId].active += amount;
        emit Staked(providerId, msg.sender, amount);
        token.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @notice Starts to take stake out. The time starts again for all that is on its way.
    function beginUnbonding(bytes32 providerId, uint128 amount) external onlyController(providerId) {
        Account storage account = accounts[providerId];
        if (amount == 0) revert AmountZero();
        if (amount > account.active) revert AmountTooLarge(account.active, amount);
        account.active -= amount;
        account.unbonding += amount;
        account.withdrawableAt = uint48(block.timestamp) + unbondingSeconds;
        emit UnbondingBegun(providerId, amount, account.withdrawableAt);
    }

    /// @notice Keeps what was on its way out.
    function cancelUnbonding(bytes32 providerId) external onlyController(providerId) {
        Account storage account = accounts[providerId];
        uint128 amount = account.unbonding;
        if (amount == 0) revert AmountZero();
        account.unbonding = 0;
        account.active += amount;
        emit UnbondingCancelled(providerId, amount);
    }

    /// @notice Pays out what has finished unbonding and no open case holds, to the controller.
    function withdraw(bytes32 providerId) external onlyController(providerId) {
        Account storage account = accounts[providerId];
        if (block.timestamp < account.withdrawableAt) revert TooEarly(account.withdrawableAt);
        uint128 free = account.active + account.unbonding - account.locked;
        uint128 amount = free < account.unbonding ? free : account.unbonding;
        if (amount == 0) revert NothingToWithdraw(providerId);
        account.unbonding -= amount;
        emit Withdrawn(providerId, msg.sender, amount);
        token.safeTransfer(msg.sender, amount);
    }

    // ------------------------------------------------------------------------------------------- for everybody

    /// @notice Pays out what the caller is owed.
    function claim(address to) external {
        if (to == address(0)) revert ReceiverZero();
        uint256 amount = owed[msg.sender];
        if (amount == 0) revert AmountZero();
        owed[msg.sender] = 0;
        emit Claimed(msg.sender, to, amount);
        token.safeTransfer(to, amount);
    }

    /// @notice Adds to the pool that rewards are paid from.
    function fundRewards(uint256 amount) external {
        if (amount == 0) revert AmountZero();
        rewardPool += amount;
        emit RewardPoolFunded(msg.sender, amount);
        token.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @inheritdoc IStakeVault
    function stakeOf(bytes32 providerId)
        external
        view
        returns (uint256 total, uint256 locked, uint256 unbonding, uint48 withdrawableAt)
    {
        Account storage account = accounts[providerId];
        unbonding = account.unbonding;
        return (account.active + unbonding, account.locked, unbonding, unbonding == 0 ? 0 : account.withdrawableAt);
    }

    // ---------------------------------------------------------------------------------------------- for courts

    /// @inheritdoc IStakeVault
    function lock(bytes32 providerId, uint256 amount) external restricted returns (uint256 locked) {
        Account storage account = accounts[providerId];
        uint256 free = account.active + account.unbonding - account.locked;
        locked = amount < free ? amount : free;
        account.locked += uint128(locked);
        lockedBy[msg.sender][providerId] += locked;
        emit Locked(msg.sender, providerId, locked);
    }

    /// @inheritdoc IStakeVault
    function unlock(bytes32 providerId, uint256 amount) external restricted {
        _takeLock(providerId, amount);
        emit Unlocked(msg.sender, providerId, amount);
    }

    /// @inheritdoc IStakeVault
    function seize(bytes32 providerId, uint256 amount, bytes32 potId) external restricted {
        _takeLock(providerId, amount);
        Account storage account = accounts[providerId];
        // What is leaving pays first.
        uint128 fromUnbonding = amount < account.unbonding ? uint128(amount) : account.unbonding;
        account.unbonding -= fromUnbonding;
        account.active -= uint128(amount) - fromUnbonding;
        potOf[msg.sender][potId] += amount;
        emit Slashed(msg.sender, providerId, potId, amount);
    }

    /// @inheritdoc IStakeVault
    function collect(address from, uint256 amount, bytes32 potId) external restricted {
        potOf[msg.sender][potId] += amount;
        emit BondCollected(msg.sender, potId, from, amount);
        token.safeTransferFrom(from, address(this), amount);
    }

    /// @inheritdoc IStakeVault
    function pay(bytes32 potId, address to, uint256 amount) external restricted {
        if (to == address(0)) revert ReceiverZero();
        _takeFromPot(potId, amount);
        owed[to] += amount;
        emit Credited(msg.sender, potId, to, amount);
    }

    /// @inheritdoc IStakeVault
    function burn(bytes32 potId, uint256 amount) external restricted {
        _takeFromPot(potId, amount);
        emit Burned(msg.sender, potId, amount);
        token.burn(amount);
    }

    /// @inheritdoc IStakeVault
    function reward(address to, uint256 amount) external restricted returns (uint256 paid) {
        if (to == address(0)) revert ReceiverZero();
        paid = _takeFromPool(amount);
        owed[to] += paid;
        emit Rewarded(msg.sender, to, paid);
    }

    /// @inheritdoc IStakeVault
    function reserve(bytes32 potId, uint256 amount) external restricted returns (uint256 reserved) {
        reserved = _takeFromPool(amount);
        potOf[msg.sender][potId] += reserved;
        emit Reserved(msg.sender, potId, reserved);
    }

    // ------------------------------------------------------------------------------------------------- inside

    modifier onlyController(bytes32 providerId) {
        if (msg.sender != registry.controllerOf(providerId)) revert NotController(providerId, msg.sender);
        _;
    }

    function _takeLock(bytes32 providerId, uint256 amount) internal {
        uint256 held = lockedBy[msg.sender][providerId];
        if (amount > held) revert AmountTooLarge(held, amount);
        lockedBy[msg.sender][providerId] = held - amount;
        accounts[providerId].locked -= uint128(amount);
    }

    function _takeFromPot(bytes32 potId, uint256 amount) internal {
        uint256 held = potOf[msg.sender][potId];
        if (amount > held) revert AmountTooLarge(held, amount);
        potOf[msg.sender][potId] = held - amount;
    }

    function _takeFromPool(uint256 amount) internal returns (uint256 taken) {
        taken = amount < rewardPool ? amount : rewardPool;
        rewardPool -= taken;
    }
}
