// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {ProviderRegistry} from "../solidity/ProviderRegistry.sol";
import {StakeVault} from "../solidity/StakeVault.sol";
import {Fixture} from "./Fixture.sol";
import {vm} from "./Vm.sol";

/// Who may move which tokens. This contract is a court here; OTHER is another one.
contract StakeVaultTest is Fixture {
    address internal constant OWNER = address(0xC0);
    address internal constant STRANGER = address(0xBAD);
    address internal constant OTHER = address(0x07E4);
    bytes32 internal constant POT = "pot";
    bytes32 internal id;

    function setUp() public {
        deployEconomy();
        allow(address(this));
        allow(OTHER);
        id = provider(OWNER, 1_000e18);
        token.approve(address(vault), type(uint256).max);
    }

    function testFuzz_stakeLeavesAfterTheUnbondingTimeOnly(uint128 amount, uint32 wait) public {
        amount = uint128(1 + amount % 1_000e18);
        vm.prank(OWNER);
        vault.beginUnbonding(id, amount);
        (uint256 total,, uint256 unbonding, uint48 leavesAt) = vault.stakeOf(id);
        require(total == 1_000e18 && unbonding == amount && leavesAt == block.timestamp + 21 days, "unbonding");
        wait = wait % 21 days;
        vm.warp(block.timestamp + wait);
        vm.prank(OWNER);
        vm.expectRevert(abi.encodeWithSelector(StakeVault.TooEarly.selector, leavesAt));
        vault.withdraw(id);
        vm.warp(leavesAt);
        vm.prank(OWNER);
        vault.withdraw(id);
        require(token.balanceOf(OWNER) == amount, "paid");
        (total,, unbonding, leavesAt) = vault.stakeOf(id);
        require(total == 1_000e18 - amount && unbonding == 0 && leavesAt == 0, "rest");
    }

    function test_aSecondWishStartsTheTimeAgain() public {
        vm.startPrank(OWNER);
        vault.beginUnbonding(id, 100e18);
        vm.warp(block.timestamp + 20 days);
        vault.beginUnbonding(id, 1);
        vm.warp(block.timestamp + 20 days);
        vm.expectPartialRevert(StakeVault.TooEarly.selector);
        vault.withdraw(id);
        vault.cancelUnbonding(id);
        vm.warp(block.timestamp + 20 days);
        vm.expectRevert(abi.encodeWithSelector(StakeVault.NothingToWithdraw.selector, id));
        vault.withdraw(id);
        vm.expectRevert(StakeVault.AmountZero.selector);
        vault.cancelUnbonding(id);
        vm.stopPrank();
    }

    function testFuzz_whatIsLockedStays(uint128 leaving, uint128 held) public {
        leaving = uint128(1 + leaving % 1_000e18);
        held = uint128(held % 1_200e18);
        vm.prank(OWNER);
        vault.beginUnbonding(id, leaving);
        uint256 locked = vault.lock(id, held);
        require(locked == (held < 1_000e18 ? held : 1_000e18), "as far as it goes");
        vm.warp(block.timestamp + 30 days);
        uint256 free = 1_000e18 - locked;
        uint256 expected = free < leaving ? free : leaving;
        vm.startPrank(OWNER);
        if (expected == 0) vm.expectRevert(abi.encodeWithSelector(StakeVault.NothingToWithdraw.selector, id));
        vault.withdraw(id);
        vm.stopPrank();
        require(token.balanceOf(OWNER) == expected, "no more than is free");
        vault.unlock(id, locked);
        if (leaving > expected) {
            vm.prank(OWNER);
            vault.withdraw(id);
        }
        require(token.balanceOf(OWNER) == leaving, "all of it in the end");
    }

    function testFuzz_aSlashTakesExactlyWhatWasLocked(uint128 leaving, uint128 held, uint128 taken) public {
        leaving = uint128(leaving % 1_000e18);
        held = uint128(1 + held % 1_000e18);
        taken = uint128(taken % (uint256(held) + 1));
        if (leaving > 0) {
            vm.prank(OWNER);
            vault.beginUnbonding(id, leaving);
        }
        vault.lock(id, held);
        vault.seize(id, taken, POT);
        (uint256 total, uint256 locked, uint256 unbonding,) = vault.stakeOf(id);
        require(total == 1_000e18 - taken && locked == held - taken, "stake");
        require(unbonding == (taken < leaving ? leaving - taken : 0), "what is leaving pays first");
        require(vault.potOf(address(this), POT) == taken, "pot");
        uint256 rest = uint256(held) - taken;
        vm.expectRevert(abi.encodeWithSelector(StakeVault.AmountTooLarge.selector, rest, rest + 1));
        vault.seize(id, rest + 1, POT);
    }

    function test_aCourtTouchesNoOthersLocksAndPots() public {
        vault.lock(id, 10e18);
        vault.collect(address(this), 5e18, POT);
        vm.startPrank(OTHER);
        bytes memory nothing = abi.encodeWithSelector(StakeVault.AmountTooLarge.selector, 0, 1);
        vm.expectRevert(nothing);
        vault.unlock(id, 1);
        vm.expectRevert(nothing);
        vault.seize(id, 1, POT);
        vm.expectRevert(nothing);
        vault.pay(POT, OTHER, 1);
        vm.expectRevert(nothing);
        vault.burn(POT, 1);
        vm.stopPrank();
        require(vault.lockedBy(address(this), id) == 10e18, "still there");
    }

    function test_bondsRewardsAndClaims() public {
        uint256 supply = token.totalSupply();
        vault.collect(address(this), 10e18, POT);
        vault.pay(POT, STRANGER, 4e18);
        vault.burn(POT, 5e18);
        vm.expectRevert(abi.encodeWithSelector(StakeVault.AmountTooLarge.selector, 1e18, 2e18));
        vault.pay(POT, STRANGER, 2e18);
        vm.expectRevert(StakeVault.ReceiverZero.selector);
        vault.pay(POT, address(0), 1);
        require(token.totalSupply() == supply - 5e18, "burned");

        vault.fundRewards(3e18);
        require(vault.reward(STRANGER, 2e18) == 2e18, "reward");
        require(vault.reserve(POT, 2e18) == 1e18, "the pool is finite");
        require(vault.reward(STRANGER, 2e18) == 0 && vault.rewardPool() == 0, "and empty now");
        vm.expectRevert(StakeVault.ReceiverZero.selector);
        vault.reward(address(0), 1);

        vm.startPrank(STRANGER);
        vm.expectRevert(StakeVault.ReceiverZero.selector);
        vault.claim(address(0));
        vault.claim(address(0x5AFE));
        require(token.balanceOf(address(0x5AFE)) == 6e18 && vault.owed(STRANGER) == 0, "claimed");
        vm.expectRevert(StakeVault.AmountZero.selector);
        vault.claim(STRANGER);
        vm.stopPrank();
    }

    function test_refusesWhatMakesNoSense() public {
        vm.expectRevert(abi.encodeWithSelector(StakeVault.ProviderUnknown.selector, bytes32("nobody")));
        vault.stake("nobody", 1);
        vm.expectRevert(StakeVault.AmountZero.selector);
        vault.stake(id, 0);
        vm.expectRevert(StakeVault.AmountZero.selector);
        vault.fundRewards(0);
        vm.startPrank(OWNER);
        vm.expectRevert(StakeVault.AmountZero.selector);
        vault.beginUnbonding(id, 0);
        vm.expectRevert(abi.encodeWithSelector(StakeVault.AmountTooLarge.selector, 1_000e18, 1_000e18 + 1));
        vault.beginUnbonding(id, 1_000e18 + 1);
        vm.stopPrank();
    }

    function testFuzz_onlyTheControllerTakesStakeOut(address caller) public {
        vm.assume(caller != OWNER);
        bytes memory refused = abi.encodeWithSelector(StakeVault.NotController.selector, id, caller);
        vm.startPrank(caller);
        vm.expectRevert(refused);
        vault.beginUnbonding(id, 1);
        vm.expectRevert(refused);
        vault.cancelUnbonding(id);
        vm.expectRevert(refused);
        vault.withdraw(id);
        vm.stopPrank();
    }

    function testFuzz_onlyCourtsDecide(address caller) public {
        vm.assume(caller != address(this) && caller != OTHER && caller != address(court));
        bytes memory refused = abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, caller);
        vm.startPrank(caller);
        vm.expectRevert(refused);
        vault.lock(id, 1);
        vm.expectRevert(refused);
        vault.unlock(id, 1);
        vm.expectRevert(refused);
        vault.seize(id, 1, POT);
        vm.expectRevert(refused);
        vault.collect(OWNER, 1, POT);
        vm.expectRevert(refused);
        vault.pay(POT, caller, 1);
        vm.expectRevert(refused);
        vault.burn(POT, 1);
        vm.expectRevert(refused);
        vault.reward(caller, 1);
        vm.expectRevert(refused);
        vault.reserve(POT, 1);
        vm.stopPrank();
    }

    // ------------------------------------------------------------------------------------------------ registry

    function testFuzz_twoAccountsThatClaimOneDidAreTwoProviders(address first, address second) public {
        vm.assume(first != second && first != address(0) && second != address(0));
        vm.prank(first);
        bytes32 a = registry.register("did:web:data.example");
        vm.prank(second);
        bytes32 b = registry.register("did:web:data.example");
        require(a != b && registry.controllerOf(a) == first && registry.controllerOf(b) == second, "two");
        require(a == registry.providerIdOf("did:web:data.example", first), "id");
        vm.prank(first);
        vm.expectRevert(abi.encodeWithSelector(ProviderRegistry.AlreadyRegistered.selector, a));
        registry.register("did:web:data.example");
    }

    function test_aProviderChangesHandsInTwoSteps() public {
        vm.prank(STRANGER);
        vm.expectRevert(abi.encodeWithSelector(ProviderRegistry.NotController.selector, id, STRANGER));
        registry.proposeController(id, STRANGER);
        vm.prank(STRANGER);
        vm.expectRevert(abi.encodeWithSelector(ProviderRegistry.NotProposed.selector, id, STRANGER));
        registry.acceptController(id);
        vm.prank(OWNER);
        registry.proposeController(id, STRANGER);
        vm.prank(STRANGER);
        registry.acceptController(id);
        require(registry.controllerOf(id) == STRANGER, "handed over");
        require(registry.proposedControllerOf(id) == address(0), "once");
        vm.prank(OWNER);
        vm.expectRevert(abi.encodeWithSelector(StakeVault.NotController.selector, id, OWNER));
        vault.beginUnbonding(id, 1);
    }

    function test_aDidLooksLikeOne() public {
        vm.expectRevert(ProviderRegistry.DidMalformed.selector);
        registry.register("did:");
        vm.expectRevert(ProviderRegistry.DidMalformed.selector);
        registry.register("urn:example:1");
        vm.expectRevert(ProviderRegistry.DidMalformed.selector);
        registry.register(string(bytes.concat("did:", new bytes(253))));
        registry.register(string(bytes.concat("did:", new bytes(252))));
    }
}
