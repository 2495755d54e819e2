// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRandomnessBeacon} from "../solidity/IRandomnessBeacon.sol";
import {Criteria} from "../solidity/QualityCriteria.sol";
import {Committee, Quorum, Signatures} from "../solidity/Quorum.sol";
import {SamplingCourt} from "../solidity/SamplingCourt.sol";
import {CONTRACT, Fixture} from "./Fixture.sol";
import {vm} from "./Vm.sol";

/// Draws what a test says.
contract ChosenBeacon is IRandomnessBeacon {
    mapping(uint64 round => bytes32) public randomnessOf;
    bool public biasableByProposer;

    function nextRound() external view returns (uint64) {
        return uint64(block.timestamp / 3 + 10);
    }

    function choose(uint64 round, bytes32 randomness) external {
        randomnessOf[round] = randomness;
    }

    function setBiasable(bool biasable) external {
        biasableByProposer = biasable;
    }
}

/// A provider, nine validators and a requester before the court.
abstract contract SamplingFixture is Fixture {
    uint256 internal constant VALIDATORS = 9;
    bytes32 internal constant RIGHT = "right";
    bytes32 internal constant WRONG = "wrong";
    bytes32 internal constant SALT = "salt";

    ChosenBeacon internal beacon;
    SamplingCourt internal sampling;
    bytes32 internal asserter;
    bytes32[] internal validators;
    address internal requester;
    mapping(bytes32 providerId => address) internal controllers;

    function deploySampling() internal {
        deployEconomy();
        beacon = new ChosenBeacon();
        sampling = new SamplingCourt(address(authority), vault, registry, criteria, beacon, address(timelock));
        allow(address(sampling));
        for (uint256 i = 0; i < VALIDATORS; ++i) validators.push(join(address(uint160(0x2000 + i)), 10_000e18));
        sortIds(validators);
        asserter = join(address(0x3000), 10_000e18);
        requester = funded(address(0x4000), 100_000e18);
        sampling.setValidators(1, validators);
        sampling.setReviewers(reviewers);
        sampling.setTerms(CONTRACT, goodTerms());
    }

    function goodTerms() internal pure returns (SamplingCourt.Terms memory) {
        return SamplingCourt.Terms({
            computeCost: 1e18,
            lieGain: 50e18,
            providerReward: 2e18,
            validatorsReward: 6e18,
            providerStake: 1_000e18,
            validatorStake: 100e18,
            samplingPpm: 60_000,
            plantedPpm: 20_000,
            stepSeconds: 1 hours,
            rulingSeconds: 1 days,
            colludingBps: 3_300,
            burnBps: 5_000,
            validators: 3
        });
    }

    function join(address controller, uint128 stake) internal returns (bytes32 id) {
        id = provider(controller, stake);
        controllers[id] = controller;
    }

    function sortIds(bytes32[] storage ids) internal {
        for (uint256 i = 1; i < ids.length; ++i)
            for (uint256 k = i; k > 0 && ids[k] < ids[k - 1]; --k) (ids[k], ids[k - 1]) = (ids[k - 1], ids[k]);
    }

    // ---------------------------------------------------------------------------------------------------- steps

    function requested(bytes32 task) internal returns (bytes32 taskId) {
        vm.prank(requester);
        taskId = sampling.request(CONTRACT, task, asserter);
    }

    function committed(bytes32 task, bytes32 output) internal returns (bytes32 taskId) {
        taskId = requested(task);
        vm.prank(controllers[asserter]);
        sampling.commit(taskId, commitmentOf(taskId, asserter, output));
    }

    /// Committed and drawn; randomness is searched until the draw is as wanted.
    function drawn(bytes32 task, bytes32 output, bool sampled) internal returns (bytes32 taskId) {
        taskId = committed(task, output);
        drawAs(taskId, sampled);
    }

    function drawAs(bytes32 taskId, bool sampled) internal {
        SamplingCourt.Task memory task = sampling.taskOf(taskId);
        for (uint256 i = 1;; ++i) {
            uint256 seed = uint256(keccak256(abi.encode(bytes32(i), taskId)));
            if ((seed % 1_000_000 < task.ratePpm) != sampled) continue;
            beacon.choose(task.round, bytes32(i));
            break;
        }
        require(sampling.draw(taskId, validators) == sampled, "drawn otherwise");
    }

    function checkBy(bytes32 taskId, uint256 place, bytes32 output) internal {
        bytes32 id = sampling.checksOf(taskId)[place].providerId;
        vm.prank(controllers[id]);
        sampling.commitCheck(taskId, place, commitmentOf(taskId, id, output));
    }

    function toReveals(bytes32 taskId) internal {
        (uint256 checkUntil,,) = sampling.timesOf(taskId);
        vm.warp(checkUntil + 1);
    }

    function toRulings(bytes32 taskId) internal {
        (, uint256 revealUntil,) = sampling.timesOf(taskId);
        vm.warp(revealUntil + 1);
    }

    function toTheEnd(bytes32 taskId) internal {
        (,, uint256 rulingUntil) = sampling.timesOf(taskId);
        vm.warp(rulingUntil + 1);
    }

    /// Drawn, checked and revealed: the provider says one thing, each validator another.
    function played(bytes32 task, bytes32 output, bytes32[3] memory found) internal returns (bytes32 taskId) {
        taskId = drawn(task, output, true);
        for (uint256 i = 0; i < 3; ++i) if (found[i] != 0) checkBy(taskId, i, found[i]);
        toReveals(taskId);
        if (output != 0) sampling.reveal(taskId, output, SALT);
        for (uint256 i = 0; i < 3; ++i) if (found[i] != 0) sampling.revealCheck(taskId, i, found[i], SALT);
        toRulings(taskId);
    }

    function ruleWith(bytes32 taskId, bytes32 output, uint256 count) internal {
        SamplingCourt.Plant memory none;
        ruleWith(taskId, output, count, none);
    }

    function ruleWith(bytes32 taskId, bytes32 output, uint256 count, SamplingCourt.Plant memory plant) internal {
        bytes32 digest = sampling.rulingDigest(taskId, output, plant.root, "reasons", 1);
        Signatures memory signatures = signed(reviewerKeys, count, digest);
        sampling.rule(taskId, output, plant, "reasons", reviewers, signatures);
    }

    function plantsPosted(bytes32 root) internal {
        sampling.postPlants(root, reviewers, signed(reviewerKeys, 3, sampling.plantsDigest(root, 1)));
    }

    function commitmentOf(bytes32 taskId, bytes32 id, bytes32 output) internal pure returns (bytes32) {
        return keccak256(abi.encode(taskId, id, output, SALT));
    }

    function stakeOf(bytes32 id) internal view returns (uint256 total, uint256 locked) {
        (total, locked,,) = vault.stakeOf(id);
    }

    function phaseOf(bytes32 taskId) internal view returns (SamplingCourt.Phase) {
        return sampling.taskOf(taskId).phase;
    }
}

contract SamplingCourtTest is SamplingFixture {
    function setUp() external {
        deploySampling();
    }

    // ------------------------------------------------------------------------------------------------- outcomes

    function test_whatIsNotDrawnIsPaidWhenRevealed() external {
        bytes32 taskId = drawn("task", RIGHT, false);
        sampling.reveal(taskId, RIGHT, SALT);
        require(phaseOf(taskId) == SamplingCourt.Phase.Accepted, "not accepted");
        require(vault.owed(controllers[asserter]) == 2e18, "not paid");
        require(vault.owed(requester) == 6e18, "validators' reward not given back");
        requireFree(asserter, 10_000e18);
        requireEmpty(taskId);
        require(sampling.taskOf(taskId).output == RIGHT, "output not kept");
    }

    function test_allAgree() external {
        bytes32 taskId = played("task", RIGHT, [RIGHT, RIGHT, RIGHT]);
        toTheEnd(taskId);
        sampling.settle(taskId);
        require(phaseOf(taskId) == SamplingCourt.Phase.Accepted, "not accepted");
        require(vault.owed(controllers[asserter]) == 2e18, "provider not paid");
        SamplingCourt.Check[] memory checks = sampling.checksOf(taskId);
        for (uint256 i = 0; i < 3; ++i) {
            require(vault.owed(controllers[checks[i].providerId]) == 2e18, "validator not paid");
            requireFree(checks[i].providerId, 10_000e18);
        }
        require(vault.owed(requester) == 0, "nothing is left");
        requireFree(asserter, 10_000e18);
        requireEmpty(taskId);
    }

    function test_aLiarIsCaught() external {
        uint256 supply = token.totalSupply();
        bytes32 taskId = played("task", WRONG, [RIGHT, WRONG, RIGHT]);
        ruleWith(taskId, RIGHT, 3);
        toTheEnd(taskId);
        sampling.settle(taskId);
        require(phaseOf(taskId) == SamplingCourt.Phase.Rejected, "not rejected");
        SamplingCourt.Check[] memory checks = sampling.checksOf(taskId);
        requireFree(asserter, 9_000e18);
        requireFree(checks[0].providerId, 10_000e18);
        requireFree(checks[1].providerId, 9_900e18);
        require(vault.owed(controllers[checks[0].providerId]) == 2e18, "who was right is not paid");
        require(vault.owed(controllers[checks[1].providerId]) == 0, "who was wrong is paid");
        require(vault.owed(controllers[asserter]) == 0, "the liar is paid");
        // The provider's reward and the wrong validator's part.
        require(vault.owed(requester) == 4e18, "requester");
        require(supply - token.totalSupply() == 550e18, "half of what was lost is destroyed");
        require(vault.owed(address(timelock)) == 550e18, "the treasury gets the other half");
        requireEmpty(taskId);
    }

    function test_silenceIsAFaultWhoeverWasRight() external {
        // The provider stays silent: his stake is gone although nobody ruled.
        bytes32 taskId = played("one", 0, [RIGHT, RIGHT, RIGHT]);
        toTheEnd(taskId);
        sampling.settle(taskId);
        require(phaseOf(taskId) == SamplingCourt.Phase.Rejected, "silent provider");
        requireFree(asserter, 9_000e18);
        require(vault.owed(requester) == 8e18, "nobody is paid for what nobody knows");
        requireEmpty(taskId);
        // A validator stays silent: the task is not verified, and his stake is gone.
        taskId = played("two", RIGHT, [RIGHT, RIGHT, bytes32(0)]);
        toTheEnd(taskId);
        sampling.settle(taskId);
        require(phaseOf(taskId) == SamplingCourt.Phase.Unresolved, "not unresolved");
        requireFree(sampling.checksOf(taskId)[2].providerId, 9_900e18);
        requireFree(asserter, 9_000e18);
        requireEmpty(taskId);
        // The same with a ruling: who was right is paid.
        taskId = played("three", RIGHT, [RIGHT, RIGHT, bytes32(0)]);
        ruleWith(taskId, RIGHT, 3);
        toTheEnd(taskId);
        uint256 before = vault.owed(controllers[asserter]);
        sampling.settle(taskId);
        require(phaseOf(taskId) == SamplingCourt.Phase.Accepted, "not accepted");
        require(vault.owed(controllers[asserter]) - before == 2e18, "not paid");
        requireEmpty(taskId);
    }

    function test_committedButNotRevealedIsSilence() external {
        bytes32 taskId = drawn("task", RIGHT, true);
        for (uint256 i = 0; i < 3; ++i) checkBy(taskId, i, RIGHT);
        toReveals(taskId);
        sampling.reveal(taskId, RIGHT, SALT);
        sampling.revealCheck(taskId, 0, RIGHT, SALT);
        toTheEnd(taskId);
        sampling.settle(taskId);
        require(phaseOf(taskId) == SamplingCourt.Phase.Unresolved, "not unresolved");
        requireFree(sampling.checksOf(taskId)[1].providerId, 9_900e18);
        requireEmpty(taskId);
    }

    function test_disagreementWithoutARulingIsUnresolved() external {
        bytes32 taskId = played("task", RIGHT, [RIGHT, WRONG, RIGHT]);
        toTheEnd(taskId);
        sampling.settle(taskId);
        require(phaseOf(taskId) == SamplingCourt.Phase.Unresolved, "not unresolved");
        requireFree(asserter, 10_000e18);
        for (uint256 i = 0; i < 3; ++i) requireFree(sampling.checksOf(taskId)[i].providerId, 10_000e18);
        require(vault.owed(requester) == 8e18, "given back");
        requireEmpty(taskId);
    }

    function test_reviewersOverruleEverybodyWhoAgrees() external {
        bytes32 taskId = played("task", WRONG, [WRONG, WRONG, WRONG]);
        ruleWith(taskId, RIGHT, 3);
        toTheEnd(taskId);
        sampling.settle(taskId);
        require(phaseOf(taskId) == SamplingCourt.Phase.Rejected, "not rejected");
        require(vault.owed(requester) == 8e18, "given back");
        require(vault.owed(address(timelock)) == 650e18, "1,300 lost");
        requireEmpty(taskId);
    }

    function test_aPlantCatchesWhoRepeatsAndSparesTheProvider() external {
        bytes32 taskId = sampling.taskIdOf(CONTRACT, "task", asserter);
        bytes32 leaf = sha256(abi.encodePacked(bytes1(0), abi.encode(taskId, RIGHT, SALT)));
        bytes32 other = sha256("another");
        SamplingCourt.Plant memory plant;
        plant.root = sha256(abi.encodePacked(bytes1(0x01), other, leaf));
        plant.index = 1;
        plant.size = 2;
        plant.salt = SALT;
        plant.path = new bytes32[](1);
        plant.path[0] = other;
        plantsPosted(plant.root);
        vm.expectPartialRevert(SamplingCourt.AlreadyPosted.selector);
        this.plantsPostedAgain(plant.root);
        vm.warp(block.timestamp + 1);
        // One validator repeats what he was told; two compute.
        played("task", WRONG, [WRONG, RIGHT, RIGHT]);
        ruleWith(taskId, RIGHT, 3, plant);
        toTheEnd(taskId);
        sampling.settle(taskId);
        require(phaseOf(taskId) == SamplingCourt.Phase.Planted, "not planted");
        requireFree(asserter, 10_000e18);
        requireFree(sampling.checksOf(taskId)[0].providerId, 9_900e18);
        require(vault.owed(controllers[asserter]) == 0, "a plant is not paid for");
        require(vault.owed(requester) == 4e18, "requester");
        requireEmpty(taskId);
    }

    function plantsPostedAgain(bytes32 root) external {
        plantsPosted(root);
    }

    function test_nothingIsPlantedAfterwards() external {
        bytes32 taskId = sampling.taskIdOf(CONTRACT, "task", asserter);
        bytes32 leaf = sha256(abi.encodePacked(bytes1(0), abi.encode(taskId, RIGHT, SALT)));
        SamplingCourt.Plant memory plant;
        plant.root = leaf;
        plant.size = 1;
        plant.salt = SALT;
        played("task", WRONG, [RIGHT, RIGHT, RIGHT]);
        // Never posted.
        expectNotPlanted(taskId, plant);
        // Posted after the commitment.
        plantsPosted(leaf);
        expectNotPlanted(taskId, plant);
        // Posted, but not about this task's output.
        plant.salt = "other";
        expectNotPlanted(taskId, plant);
    }

    function test_aLargerQuorumReplacesARuling() external {
        bytes32 taskId = played("task", RIGHT, [WRONG, WRONG, WRONG]);
        ruleWith(taskId, WRONG, 3);
        vm.expectRevert(abi.encodeWithSelector(SamplingCourt.RulingStands.selector, 3, 3));
        this.ruleFromOutside(taskId, RIGHT, 3);
        ruleWith(taskId, RIGHT, 5);
        vm.expectRevert(abi.encodeWithSelector(SamplingCourt.RulingStands.selector, 5, 4));
        this.ruleFromOutside(taskId, WRONG, 4);
        toTheEnd(taskId);
        sampling.settle(taskId);
        require(phaseOf(taskId) == SamplingCourt.Phase.Accepted, "the larger quorum's");
        taskId = played("other", RIGHT, [WRONG, WRONG, WRONG]);
        vm.expectPartialRevert(Quorum.QuorumMissed.selector);
        this.ruleFromOutside(taskId, RIGHT, 2);
    }

    function ruleFromOutside(bytes32 taskId, bytes32 output, uint256 count) external {
        ruleWith(taskId, output, count);
    }

    // ------------------------------------------------------------------------------------- what ends by itself

    function test_requestWithoutAProvider() external {
        bytes32 taskId = requested("task");
        vm.expectPartialRevert(SamplingCourt.DeadlineAhead.selector);
        sampling.settle(taskId);
        vm.warp(block.timestamp + 1 hours + 1);
        vm.prank(controllers[asserter]);
        vm.expectPartialRevert(SamplingCourt.DeadlinePassed.selector);
        sampling.commit(taskId, "x");
        sampling.settle(taskId);
        require(phaseOf(taskId) == SamplingCourt.Phase.Expired, "not expired");
        require(vault.owed(requester) == 8e18, "not given back");
        vm.expectPartialRevert(SamplingCourt.TaskPhase.selector);
        sampling.settle(taskId);
        // It can be asked again, and once only at a time.
        requested("task");
        vm.prank(requester);
        vm.expectPartialRevert(SamplingCourt.TaskPhase.selector);
        sampling.request(CONTRACT, "task", asserter);
    }

    function test_roundThatNeverComes() external {
        bytes32 taskId = committed("task", RIGHT);
        vm.expectPartialRevert(SamplingCourt.RandomnessMissing.selector);
        sampling.draw(taskId, validators);
        vm.warp(block.timestamp + 1 hours + 1);
        vm.expectPartialRevert(SamplingCourt.DeadlinePassed.selector);
        sampling.draw(taskId, validators);
        sampling.settle(taskId);
        require(phaseOf(taskId) == SamplingCourt.Phase.Unresolved, "not unresolved");
        requireFree(asserter, 10_000e18);
        requireEmpty(taskId);
    }

    function test_undrawnAndNeverRevealed() external {
        bytes32 taskId = drawn("task", RIGHT, false);
        vm.warp(block.timestamp + 1 hours + 1);
        vm.expectPartialRevert(SamplingCourt.DeadlinePassed.selector);
        sampling.reveal(taskId, RIGHT, SALT);
        sampling.settle(taskId);
        require(phaseOf(taskId) == SamplingCourt.Phase.Unresolved, "not unresolved");
        require(vault.owed(requester) == 8e18, "not given back");
        requireFree(asserter, 10_000e18);
        vm.prank(requester);
        vm.expectPartialRevert(SamplingCourt.TaskPhase.selector);
        sampling.request(CONTRACT, "task", asserter);
    }

    // ------------------------------------------------------------------------------------------------- refusals

    function test_stepsHaveTheirTimes() external {
        bytes32 taskId = drawn("task", RIGHT, true);
        checkBy(taskId, 0, RIGHT);
        vm.expectPartialRevert(SamplingCourt.CommittedBefore.selector);
        this.checkFromOutside(taskId, 0);
        vm.expectPartialRevert(SamplingCourt.DeadlineAhead.selector);
        sampling.reveal(taskId, RIGHT, SALT);
        vm.expectPartialRevert(SamplingCourt.DeadlineAhead.selector);
        sampling.revealCheck(taskId, 0, RIGHT, SALT);
        toReveals(taskId);
        vm.expectPartialRevert(SamplingCourt.DeadlinePassed.selector);
        this.checkFromOutside(taskId, 1);
        vm.expectPartialRevert(SamplingCourt.CommitmentDiffers.selector);
        sampling.reveal(taskId, WRONG, SALT);
        vm.expectPartialRevert(SamplingCourt.CommitmentDiffers.selector);
        sampling.revealCheck(taskId, 1, RIGHT, SALT);
        sampling.reveal(taskId, RIGHT, SALT);
        vm.expectPartialRevert(SamplingCourt.RevealedBefore.selector);
        sampling.reveal(taskId, RIGHT, SALT);
        sampling.revealCheck(taskId, 0, RIGHT, SALT);
        vm.expectPartialRevert(SamplingCourt.RevealedBefore.selector);
        sampling.revealCheck(taskId, 0, RIGHT, SALT);
        vm.expectPartialRevert(SamplingCourt.NotDrawn.selector);
        sampling.revealCheck(taskId, 3, RIGHT, SALT);
        vm.expectPartialRevert(SamplingCourt.DeadlineAhead.selector);
        this.ruleFromOutside(taskId, RIGHT, 3);
        toRulings(taskId);
        vm.expectPartialRevert(SamplingCourt.DeadlinePassed.selector);
        sampling.revealCheck(taskId, 0, RIGHT, SALT);
        vm.expectPartialRevert(SamplingCourt.DeadlineAhead.selector);
        sampling.settle(taskId);
        toTheEnd(taskId);
        vm.expectPartialRevert(SamplingCourt.DeadlinePassed.selector);
        this.ruleFromOutside(taskId, RIGHT, 3);
        sampling.settle(taskId);
        vm.expectPartialRevert(SamplingCourt.TaskPhase.selector);
        sampling.settle(taskId);
        vm.expectPartialRevert(SamplingCourt.TaskPhase.selector);
        this.ruleFromOutside(taskId, RIGHT, 3);
        vm.expectPartialRevert(SamplingCourt.TaskPhase.selector);
        sampling.revealCheck(taskId, 0, RIGHT, SALT);
        vm.expectPartialRevert(SamplingCourt.TaskPhase.selector);
        sampling.reveal(taskId, RIGHT, SALT);
        vm.expectPartialRevert(SamplingCourt.TaskPhase.selector);
        sampling.timesOf(taskId);
    }

    function checkFromOutside(bytes32 taskId, uint256 place) external {
        checkBy(taskId, place, RIGHT);
    }

    function test_onlyTheControllerActs() external {
        bytes32 taskId = requested("task");
        vm.expectPartialRevert(SamplingCourt.NotController.selector);
        sampling.commit(taskId, "x");
        vm.prank(controllers[asserter]);
        vm.expectRevert(SamplingCourt.CommitmentZero.selector);
        sampling.commit(taskId, 0);
        taskId = drawn("other", RIGHT, true);
        vm.expectPartialRevert(SamplingCourt.NotController.selector);
        sampling.commitCheck(taskId, 0, "x");
        vm.prank(controllers[sampling.checksOf(taskId)[0].providerId]);
        vm.expectRevert(SamplingCourt.CommitmentZero.selector);
        sampling.commitCheck(taskId, 0, 0);
        vm.expectPartialRevert(SamplingCourt.NotDrawn.selector);
        sampling.commitCheck(taskId, 3, "x");
    }

    function test_requestsThatAreRefused() external {
        vm.expectPartialRevert(SamplingCourt.ContractNotInForce.selector);
        sampling.request("unknown", "task", asserter);
        criteria.set("unsampled", terms());
        vm.expectPartialRevert(SamplingCourt.NotSampled.selector);
        sampling.request("unsampled", "task", asserter);
        vm.expectPartialRevert(SamplingCourt.ProviderUnknown.selector);
        sampling.request(CONTRACT, "task", "nobody");
    }

    function test_aProviderNeedsTheWholeStake() external {
        asserter = join(address(0x3001), 999e18);
        bytes32 taskId = requested("task");
        vm.prank(controllers[asserter]);
        vm.expectRevert(
            abi.encodeWithSelector(SamplingCourt.StakeTooSmall.selector, asserter, 1_000e18, 999e18)
        );
        sampling.commit(taskId, "x");
    }

    function test_aValidatorWithoutFreeStakeIsExcused() external {
        // Leaves 50 of the 100 that a check holds.
        for (uint256 i = 0; i < VALIDATORS; ++i) {
            bytes32 id = validators[i];
            vm.prank(controllers[id]);
            vault.beginUnbonding(id, 9_950e18);
        }
        vm.warp(block.timestamp + 22 days);
        for (uint256 i = 0; i < VALIDATORS; ++i) {
            vm.prank(controllers[validators[i]]);
            vault.withdraw(validators[i]);
        }
        bytes32 taskId = drawn("task", RIGHT, true);
        vm.expectPartialRevert(SamplingCourt.StakeTooSmall.selector);
        this.checkFromOutside(taskId, 0);
        toReveals(taskId);
        sampling.reveal(taskId, RIGHT, SALT);
        toTheEnd(taskId);
        sampling.settle(taskId);
        require(phaseOf(taskId) == SamplingCourt.Phase.Unresolved, "nobody checked");
        for (uint256 i = 0; i < VALIDATORS; ++i) requireFree(validators[i], 50e18);
    }

    function test_nobodyJudgesHisOwnCase() external {
        // A reviewer is the requester.
        address reviewer = reviewers.members[0];
        funded(reviewer, 100e18);
        vm.prank(reviewer);
        bytes32 taskId = sampling.request(CONTRACT, "task", asserter);
        vm.prank(controllers[asserter]);
        sampling.commit(taskId, commitmentOf(taskId, asserter, RIGHT));
        drawAs(taskId, true);
        toRulings(taskId);
        vm.expectRevert(abi.encodeWithSelector(SamplingCourt.ReviewerIsParty.selector, reviewer));
        this.ruleFromOutside(taskId, RIGHT, 3);
        // A validator who was drawn has a reviewer's account.
        taskId = drawn("other", RIGHT, true);
        bytes32 id = sampling.checksOf(taskId)[1].providerId;
        vm.prank(controllers[id]);
        registry.proposeController(id, reviewer);
        vm.prank(reviewer);
        registry.acceptController(id);
        toRulings(taskId);
        vm.expectRevert(abi.encodeWithSelector(SamplingCourt.ReviewerIsParty.selector, reviewer));
        this.ruleFromOutside(taskId, RIGHT, 3);
    }

    function test_othersThanTheValidatorsInForceAreRefused() external {
        bytes32 taskId = committed("task", RIGHT);
        bytes32[] memory fewer = new bytes32[](VALIDATORS - 1);
        for (uint256 i = 0; i < fewer.length; ++i) fewer[i] = validators[i];
        sampling.setValidators(2, fewer);
        beacon.choose(sampling.taskOf(taskId).round, "random");
        vm.expectPartialRevert(SamplingCourt.ValidatorsUnknown.selector);
        sampling.draw(taskId, fewer);
        sampling.draw(taskId, validators);
        vm.expectPartialRevert(SamplingCourt.TaskPhase.selector);
        sampling.draw(taskId, validators);
        // Who commits from now on is checked by the others.
        taskId = committed("later", RIGHT);
        beacon.choose(sampling.taskOf(taskId).round, "random");
        sampling.draw(taskId, fewer);
    }

    function test_validatorsAreSortedAndEnough() external {
        bytes32[] memory three = new bytes32[](3);
        (three[0], three[1], three[2]) = ("a", "b", "c");
        vm.expectRevert(abi.encodeWithSelector(SamplingCourt.ValidatorsNumber.selector, 4, 64, 3));
        sampling.setValidators(2, three);
        bytes32[] memory four = new bytes32[](4);
        (four[0], four[1], four[2], four[3]) = ("a", "b", "b", "c");
        vm.expectRevert(abi.encodeWithSelector(SamplingCourt.ValidatorsUnsorted.selector, 2));
        sampling.setValidators(2, four);
        vm.expectPartialRevert(SamplingCourt.EpochUnexpected.selector);
        sampling.setValidators(3, validators);
        vm.expectPartialRevert(SamplingCourt.EpochUnexpected.selector);
        sampling.setReviewers(reviewers);
        SamplingCourt.Terms memory more = goodTerms();
        (more.validators, more.validatorsReward) = (9, 18e18);
        vm.expectRevert(abi.encodeWithSelector(SamplingCourt.ValidatorsNumber.selector, 10, 64, 9));
        sampling.setTerms(CONTRACT, more);
        (more.validators, more.validatorsReward) = (8, 16e18);
        sampling.setTerms(CONTRACT, more);
        require(sampling.revisionOf(CONTRACT) == 2, "revision");
        require(sampling.termsOf(CONTRACT, 1).validators == 3, "the first terms stay");
    }

    function test_onlyGovernanceSets() external {
        address anybody = address(0xbad);
        vm.startPrank(anybody);
        vm.expectRevert();
        sampling.setTerms(CONTRACT, goodTerms());
        vm.expectRevert();
        sampling.setValidators(2, validators);
        vm.expectRevert();
        sampling.setReviewers(reviewers);
        vm.stopPrank();
    }

    // ---------------------------------------------------------------------------------------------------- draws

    function test_theRateIsTheLargerOfBoth() external {
        Criteria memory asked = terms();
        asked.samplingPpm = 500_000;
        criteria.set(CONTRACT, asked);
        require(sampling.taskOf(committed("one", RIGHT)).ratePpm == 500_000, "the data contract asks for more");
        asked.samplingPpm = 0;
        criteria.set(CONTRACT, asked);
        require(sampling.taskOf(committed("two", RIGHT)).ratePpm == 60_000, "never less than the terms");
    }

    /// The terms of a task are those of its request.
    function test_termsNeverChangeUnderway() external {
        bytes32 taskId = drawn("task", RIGHT, true);
        SamplingCourt.Terms memory other = goodTerms();
        (other.providerStake, other.providerReward, other.validatorsReward) = (9_000e18, 7e18, 9e18);
        sampling.setTerms(CONTRACT, other);
        for (uint256 i = 0; i < 3; ++i) checkBy(taskId, i, RIGHT);
        toReveals(taskId);
        sampling.reveal(taskId, RIGHT, SALT);
        for (uint256 i = 0; i < 3; ++i) sampling.revealCheck(taskId, i, RIGHT, SALT);
        toTheEnd(taskId);
        sampling.settle(taskId);
        require(vault.owed(controllers[asserter]) == 2e18, "other reward");
        requireEmpty(taskId);
        requireFree(asserter, 10_000e18);
    }

    /// The drawn are different, never the provider himself, and everybody is drawn as often as everybody else.
    function test_everybodyIsDrawnAlike() external {
        // The provider is a validator too.
        asserter = validators[4];
        uint256[] memory times = new uint256[](VALIDATORS);
        uint256 rounds = 400;
        for (uint256 i = 0; i < rounds; ++i) {
            SamplingCourt.Check[] memory checks = sampling.checksOf(drawn(bytes32(i), RIGHT, true));
            require(checks.length == 3, "three");
            for (uint256 k = 0; k < 3; ++k) {
                require(checks[k].providerId != asserter, "checks himself");
                for (uint256 m = 0; m < k; ++m) require(checks[k].providerId != checks[m].providerId, "twice");
                for (uint256 v = 0; v < VALIDATORS; ++v) if (validators[v] == checks[k].providerId) ++times[v];
            }
            vm.warp(block.timestamp + 3 days);
            sampling.settle(sampling.taskIdOf(CONTRACT, bytes32(i), asserter));
            refill();
        }
        // 400·3/8 = 150 expected; five standard deviations are 48.
        for (uint256 v = 0; v < VALIDATORS; ++v)
            require(v == 4 ? times[v] == 0 : times[v] > 102 && times[v] < 198, "not alike");
    }

    /// As many are drawn as the rate says.
    function test_theRateIsKept() external {
        Criteria memory asked = terms();
        asked.samplingPpm = 300_000;
        criteria.set(CONTRACT, asked);
        uint256 sampled = 0;
        for (uint256 i = 0; i < 400; ++i) {
            bytes32 taskId = committed(bytes32(i), RIGHT);
            beacon.choose(sampling.taskOf(taskId).round, keccak256(abi.encode(i)));
            if (sampling.draw(taskId, validators)) ++sampled;
            vm.warp(block.timestamp + 3 days);
            sampling.settle(taskId);
            refill();
        }
        // 120 expected; five standard deviations are 46.
        require(sampled > 74 && sampled < 166, "not 30 %");
    }

    // ---------------------------------------------------------------------------------------------------- terms

    function test_termsUnderWhichALiePaysAreRefused() external {
        SamplingCourt.Terms memory given = goodTerms();
        // (C + B) = 51; p·[(1 − 0.33³)·S − 0.33³·R_V] with p = 0.06 is 57.8.
        require(sampling.riskOfLying(given) / 1e15 == 57_830, "worked out by hand: 57.83...");
        given.lieGain = 57e18;
        vm.expectPartialRevert(SamplingCourt.LyingPays.selector);
        sampling.setTerms(CONTRACT, given);
        given.lieGain = 56.8e18;
        sampling.setTerms(CONTRACT, given);
        // A proposer who can have the round drawn again: p² only.
        beacon.setBiasable(true);
        vm.expectPartialRevert(SamplingCourt.LyingPays.selector);
        sampling.setTerms(CONTRACT, given);
        given.samplingPpm = 300_000;
        sampling.setTerms(CONTRACT, given);
        beacon.setBiasable(false);
        // Everybody colludes: no rate helps.
        given.colludingBps = 10_000;
        given.samplingPpm = 1_000_000;
        require(sampling.riskOfLying(given) == 0, "no risk at all");
        vm.expectPartialRevert(SamplingCourt.LyingPays.selector);
        sampling.setTerms(CONTRACT, given);
    }

    function test_workMustPay() external {
        SamplingCourt.Terms memory given = goodTerms();
        given.providerReward = given.computeCost;
        vm.expectPartialRevert(SamplingCourt.WorkUnpaid.selector);
        sampling.setTerms(CONTRACT, given);
        given = goodTerms();
        given.validatorsReward = 3 * given.computeCost;
        vm.expectPartialRevert(SamplingCourt.WorkUnpaid.selector);
        sampling.setTerms(CONTRACT, given);
        given.validatorsReward += 3;
        sampling.setTerms(CONTRACT, given);
        given = goodTerms();
        // 0.98 % of 102 is less than 1.
        given.plantedPpm = 9_800;
        vm.expectPartialRevert(SamplingCourt.LazinessPays.selector);
        sampling.setTerms(CONTRACT, given);
    }

    function test_figuresHaveLimits() external {
        SamplingCourt.Terms memory given = goodTerms();
        given.validators = 0;
        expectOutside(given);
        given.validators = 17;
        expectOutside(given);
        given = goodTerms();
        given.samplingPpm = 0;
        expectOutside(given);
        given.samplingPpm = 1_000_001;
        expectOutside(given);
        given = goodTerms();
        given.plantedPpm = 1_000_001;
        expectOutside(given);
        given = goodTerms();
        given.colludingBps = 10_001;
        expectOutside(given);
        given = goodTerms();
        given.burnBps = 999;
        expectOutside(given);
        given.burnBps = 10_001;
        expectOutside(given);
        given = goodTerms();
        given.stepSeconds = 10 minutes - 1;
        expectOutside(given);
        given = goodTerms();
        given.rulingSeconds = 3 days + 1;
        expectOutside(given);
        given = goodTerms();
        given.validatorStake = 0;
        expectOutside(given);
    }

    /// The contract's arithmetic against the formula in plain fractions: never more lenient, and hardly stricter.
    function testFuzz_theBound(uint96 stake, uint96 reward, uint32 ppm, uint16 bps, uint8 count) external view {
        SamplingCourt.Terms memory given = goodTerms();
        given.providerStake = stake % 1e27;
        given.validatorsReward = reward % 1e24;
        given.samplingPpm = 1 + ppm % 1_000_000;
        given.colludingBps = bps % 10_001;
        given.validators = 1 + count % 3;
        uint256 n = given.validators;
        // p·[(1 − rⁿ)·S − rⁿ·R_V], with everything over 1e6·1e4ⁿ.
        uint256 whole = 10_000 ** n;
        uint256 colluding = uint256(given.colludingBps) ** n;
        uint256 lost = (whole - colluding) * given.providerStake;
        uint256 kept = colluding * given.validatorsReward;
        uint256 exact = lost > kept ? (lost - kept) * given.samplingPpm / whole / 1_000_000 : 0;
        uint256 risk = sampling.riskOfLying(given);
        require(risk <= exact, "more lenient than the formula");
        uint256 slack = (uint256(given.providerStake) + given.validatorsReward) * 4 / 1e18 + 2;
        require(risk + slack >= exact, "stricter than rounding explains");
    }

    // --------------------------------------------------------------------------------------------------- inside

    function expectOutside(SamplingCourt.Terms memory given) internal {
        vm.expectPartialRevert(SamplingCourt.TermOutside.selector);
        sampling.setTerms(CONTRACT, given);
    }

    function expectNotPlanted(bytes32 taskId, SamplingCourt.Plant memory plant) internal {
        vm.expectPartialRevert(SamplingCourt.NotPlanted.selector);
        this.rulePlanted(taskId, plant);
    }

    function rulePlanted(bytes32 taskId, SamplingCourt.Plant memory plant) external {
        ruleWith(taskId, RIGHT, 3, plant);
    }

    /// Who was silent pays; this gives him new stake.
    function refill() internal {
        token.approve(address(vault), 1_000e18);
        vault.stake(asserter, 1_000e18);
        for (uint256 v = 0; v < VALIDATORS; ++v) {
            token.approve(address(vault), 2_000e18);
            vault.stake(validators[v], 2_000e18);
        }
    }

    function requireFree(bytes32 id, uint256 expected) internal view {
        (uint256 total, uint256 locked) = stakeOf(id);
        require(total == expected, "other stake");
        require(locked == 0, "still locked");
    }

    function requireEmpty(bytes32 taskId) internal view {
        require(vault.potOf(address(sampling), taskId) == 0, "something is left in the pot");
    }
}

/// Plays tasks at random: honest and lying, silent and present, ruled and not; and time.
contract SamplingPlayers is SamplingFixture {
    uint256 internal constant MOST_TASKS = 6;

    bytes32[] public taskIds;
    mapping(bytes32 taskId => bytes32) internal claimed;
    mapping(bytes32 taskId => uint256) public ends;
    constructor() {
        deploySampling();
        Criteria memory asked = terms();
        asked.samplingPpm = 700_000;
        criteria.set(CONTRACT, asked);
    }

    /// Asks for a task; the provider may commit at once, and it may be drawn at once.
    function begin(uint8 task, bool lie, uint256 steps, bytes32 randomness) external {
        if (taskIds.length == MOST_TASKS) return;
        bytes32 taskId = sampling.taskIdOf(CONTRACT, bytes32(uint256(task)), asserter);
        vm.prank(requester);
        try sampling.request(CONTRACT, bytes32(uint256(task)), asserter) {
            taskIds.push(taskId);
            claimed[taskId] = lie ? WRONG : RIGHT;
            if (steps % 8 > 0) commit(taskIds.length - 1);
            if (steps % 8 > 1) draw(taskIds.length - 1, randomness);
        } catch {}
    }

    function commit(uint256 which) public {
        if (taskIds.length == 0) return;
        bytes32 taskId = taskIds[which % taskIds.length];
        vm.prank(controllers[asserter]);
        try sampling.commit(taskId, commitmentOf(taskId, asserter, claimed[taskId])) {} catch {}
    }

    function draw(uint256 which, bytes32 randomness) public {
        if (taskIds.length == 0) return;
        bytes32 taskId = taskIds[which % taskIds.length];
        uint64 round = sampling.taskOf(taskId).round;
        if (beacon.randomnessOf(round) == 0) beacon.choose(round, keccak256(abi.encode(randomness)));
        try sampling.draw(taskId, validators) {} catch {}
    }

    /// @param lies Bit i: validator i lies; bit i + 3: he says nothing.
    function check(uint256 which, uint8 lies) external {
        if (taskIds.length == 0) return;
        bytes32 taskId = taskIds[which % taskIds.length];
        SamplingCourt.Check[] memory all = sampling.checksOf(taskId);
        for (uint256 i = 0; i < all.length; ++i) {
            if ((lies >> (i + 3)) & 1 == 1) continue;
            bytes32 id = all[i].providerId;
            bytes32 output = (lies >> i) & 1 == 1 ? WRONG : RIGHT;
            vm.prank(controllers[id]);
            try sampling.commitCheck(taskId, i, commitmentOf(taskId, id, output)) {} catch {}
        }
    }

    /// @param silent Bit i: validator i says nothing; bit 3: the provider does.
    function reveal(uint256 which, uint8 silent) external {
        if (taskIds.length == 0) return;
        bytes32 taskId = taskIds[which % taskIds.length];
        if ((silent >> 3) & 1 == 0) {
            try sampling.reveal(taskId, claimed[taskId], SALT) {
                if (phaseOf(taskId) == SamplingCourt.Phase.Accepted) ++ends[taskId];
            } catch {}
        }
        for (uint256 i = 0; i < 3; ++i) {
            if ((silent >> i) & 1 == 1) continue;
            try sampling.revealCheck(taskId, i, RIGHT, SALT) {} catch {}
            try sampling.revealCheck(taskId, i, WRONG, SALT) {} catch {}
        }
    }

    /// Waits until a task's next step may be taken.
    function waitFor(uint256 which) external {
        if (taskIds.length == 0) return;
        bytes32 taskId = taskIds[which % taskIds.length];
        if (phaseOf(taskId) != SamplingCourt.Phase.Sampled) return;
        (uint256 checkUntil, uint256 revealUntil, uint256 rulingUntil) = sampling.timesOf(taskId);
        if (block.timestamp <= checkUntil) vm.warp(checkUntil + 1);
        else if (block.timestamp <= revealUntil) vm.warp(revealUntil + 1);
        else if (block.timestamp <= rulingUntil) vm.warp(rulingUntil + 1);
    }

    function rule(uint256 which, uint256 count, bool mistaken) external {
        if (taskIds.length == 0) return;
        bytes32 taskId = taskIds[which % taskIds.length];
        SamplingCourt.Plant memory none;
        bytes32 output = mistaken ? WRONG : RIGHT;
        bytes32 digest = sampling.rulingDigest(taskId, output, 0, "reasons", 1);
        Signatures memory signatures = signed(reviewerKeys, 3 + count % 5, digest);
        try sampling.rule(taskId, output, none, "reasons", reviewers, signatures) {} catch {}
    }

    function settle(uint256 which) external {
        if (taskIds.length == 0) return;
        trySettle(taskIds[which % taskIds.length]);
    }

    function wait(uint256 minutes_) external {
        vm.warp(block.timestamp + 1 minutes + minutes_ % 30 minutes);
    }

    function leave(uint256 whose, uint96 amount) external {
        bytes32 id = whose % 4 == 0 ? asserter : validators[whose % VALIDATORS];
        vm.startPrank(controllers[id]);
        try vault.beginUnbonding(id, 1 + amount % 3_000e18) {} catch {}
        try vault.withdraw(id) {} catch {}
        vm.stopPrank();
    }

    function trySettle(bytes32 taskId) public {
        try sampling.settle(taskId) {
            if (phaseOf(taskId) != SamplingCourt.Phase.Expired) ++ends[taskId];
        } catch {}
    }

    // ---------------------------------------------------------------------------------------- what must hold

    /// The vault has at least what it owes, to the last unit.
    function conserved() external view returns (bool) {
        uint256 sum = vault.rewardPool() + vault.owed(requester) + vault.owed(address(timelock));
        sum += _of(asserter);
        for (uint256 i = 0; i < VALIDATORS; ++i) sum += _of(validators[i]);
        for (uint256 i = 0; i < taskIds.length; ++i) {
            bool first = true;
            for (uint256 k = 0; k < i; ++k) first = first && taskIds[k] != taskIds[i];
            if (first) sum += vault.potOf(address(sampling), taskIds[i]);
        }
        return token.balanceOf(address(vault)) == sum;
    }

    /// Each task ends once at most, and holds nothing afterwards.
    function onceOnly() external view returns (bool) {
        for (uint256 i = 0; i < taskIds.length; ++i) {
            bool over = phaseOf(taskIds[i]) > SamplingCourt.Phase.Sampled;
            if (ends[taskIds[i]] > 1) return false;
            if (over && vault.potOf(address(sampling), taskIds[i]) != 0) return false;
        }
        return true;
    }

    /// When time is over everything can be ended by anybody, and no stake stays locked.
    function endEverything() external returns (bool) {
        vm.warp(block.timestamp + 30 days);
        for (uint256 i = 0; i < taskIds.length; ++i) {
            trySettle(taskIds[i]);
            if (phaseOf(taskIds[i]) <= SamplingCourt.Phase.Sampled) return false;
        }
        (, uint256 locked) = stakeOf(asserter);
        for (uint256 i = 0; i < VALIDATORS; ++i) {
            (, uint256 more) = stakeOf(validators[i]);
            locked += more;
        }
        return locked == 0;
    }

    function _of(bytes32 id) internal view returns (uint256) {
        (uint256 total,) = stakeOf(id);
        return total + vault.owed(controllers[id]);
    }
}

contract SamplingInvariants {
    SamplingPlayers internal players;

    function setUp() external {
        players = new SamplingPlayers();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(players);
    }

    /// The runner must not end everything half way.
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function excludeSelectors() external view returns (FuzzSelector[] memory excluded) {
        excluded = new FuzzSelector[](1);
        excluded[0].addr = address(players);
        excluded[0].selectors = new bytes4[](1);
        excluded[0].selectors[0] = players.endEverything.selector;
    }

    function invariant_noTokenIsMadeOrLost() external view {
        require(players.conserved(), "the vault's balance and its books differ");
    }

    function invariant_everyTaskEndsOnce() external view {
        require(players.onceOnly(), "ended twice, or money stayed");
    }

    function afterInvariant() external {
        require(players.endEverything(), "something cannot end");
    }
}
