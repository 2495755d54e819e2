// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {Committee, Quorum, Signatures} from "../solidity/Quorum.sol";
import {Criteria} from "../solidity/QualityCriteria.sol";
import {Verdict, VerdictBatch, VerdictCourt, VerdictProof} from "../solidity/VerdictCourt.sol";
import {CONTRACT, Fixture} from "./Fixture.sol";
import {vm} from "./Vm.sol";

/// What a verdict and a dispute may and may not do, and where every token goes.
contract VerdictCourtTest is Fixture {
    address internal controller = address(0xC0);
    address internal challenger;
    address internal appellant;
    bytes32 internal providerId;

    function setUp() public {
        deployEconomy();
        providerId = provider(controller, 5_000e18);
        challenger = funded(address(0xCA11), 10_000e18);
        appellant = funded(address(0xA99), 10_000e18);
        token.approve(address(vault), 1_000e18);
        vault.fundRewards(1_000e18);
    }

    // ------------------------------------------------------------------------------------------------- posting

    function test_acceptedDataIsFinalAfterTheWindowAndRewarded() public {
        VerdictProof memory proof = postOne(providerId, "subject", 1);
        uint48 until = court.challengeableUntil(keccak256(abi.encode(proof.batch)));
        require(until == block.timestamp + 1 days, "window");
        vm.expectRevert(abi.encodeWithSelector(VerdictCourt.StillChallengeable.selector, until));
        court.finalise(proof);
        vm.warp(until + 1);
        court.finalise(proof);
        (uint8 decision, uint8 level, uint48 finalAt) = court.verdictOf(CONTRACT, "subject");
        require(decision == 1 && level == 3 && finalAt == until + 1, "final");
        require(vault.owed(controller) == 0.9e18 && vault.owed(address(timelock)) == 0.1e18, "reward and fee");
        vm.expectRevert(abi.encodeWithSelector(VerdictCourt.AlreadyFinal.selector, CONTRACT, bytes32("subject")));
        court.finalise(proof);
    }

    function test_aSecondVerdictOnASubjectDoesNotReplaceTheFirst() public {
        VerdictProof memory first = postOne(providerId, "subject", 1);
        VerdictProof memory second = postOne(providerId, "subject", 3);
        vm.warp(block.timestamp + 2 days);
        court.finalise(first);
        vm.expectRevert(abi.encodeWithSelector(VerdictCourt.AlreadyFinal.selector, CONTRACT, bytes32("subject")));
        court.finalise(second);
    }

    function test_rejectedAndFlaggedDataEarnsNothing() public {
        VerdictProof memory rejected = postOne(providerId, "rejected", 3);
        VerdictProof memory flagged = postOne(providerId, "flagged", 2);
        vm.warp(block.timestamp + 2 days);
        court.finalise(rejected);
        court.finalise(flagged);
        require(vault.owed(controller) == 0, "no reward");
    }

    function test_noRewardForNobodyAndNoneWithoutTerms() public {
        VerdictProof memory proof = postOne("nobody", "subject", 1);
        Criteria memory free = terms();
        free.rewardPerObservation = 0;
        criteria.set(keccak256("free"), free);
        VerdictProof memory unpaid = postOne(keccak256("free"), providerId, "subject", 1);
        vm.warp(block.timestamp + 2 days);
        court.finalise(proof);
        court.finalise(unpaid);
        require(vault.rewardPool() == 1_000e18, "nothing left the pool");
    }

    function testFuzz_anyVerdictOfABatchIsProvedAndNoOther(uint256 seed, uint8 count, uint8 place) public {
        count = uint8(1 + count % 40);
        place = place % count;
        bytes32[] memory leaves = new bytes32[](count);
        VerdictProof memory proof;
        for (uint256 i = 0; i < count; ++i) {
            Verdict memory verdict = Verdict(keccak256(abi.encode(seed, i)), providerId, bytes32(i), 1, 2);
            leaves[i] = leafOf(verdict);
            if (i == place) proof.verdict = verdict;
        }
        proof.batch = VerdictBatch(CONTRACT, rootOf(leaves, 0, count), count, uint48(block.timestamp));
        proof.index = place;
        proof.path = pathOf(leaves, 0, count, place);
        post(proof.batch);
        vm.warp(block.timestamp + 2 days);

        bytes32 batchId = keccak256(abi.encode(proof.batch));
        proof.verdict.level = 4;
        vm.expectRevert(abi.encodeWithSelector(VerdictCourt.NotInBatch.selector, batchId, place));
        court.finalise(proof);
        proof.verdict.level = 2;
        court.finalise(proof);
    }

    function test_refusesBatchesThatAreNotTheCommitteesWord() public {
        VerdictBatch memory batch = VerdictBatch(CONTRACT, "root", 1, uint48(block.timestamp));
        bytes32 digest = court.batchDigest(batch, 1);
        Signatures memory good = signed(committeeKeys, 3, digest);

        vm.expectRevert(abi.encodeWithSelector(Quorum.QuorumMissed.selector, 3, 2));
        court.post(batch, committee, signed(committeeKeys, 2, digest));

        Signatures memory twice = signed(committeeKeys, 3, digest);
        twice.rvs[2] = twice.rvs[1];
        vm.expectRevert(
            abi.encodeWithSelector(Quorum.SignatureInvalid.selector, 2, committee.members[1])
        );
        court.post(batch, committee, twice);

        Signatures memory bits = signed(committeeKeys, 3, digest);
        bits.signers = 3;
        vm.expectRevert(Quorum.SignersMalformed.selector);
        court.post(batch, committee, bits);
        bits.signers = 15;
        vm.expectRevert(Quorum.SignersMalformed.selector);
        court.post(batch, committee, bits);
        bits.signers = 7 | (1 << 200);
        vm.expectRevert(Quorum.SignersMalformed.selector);
        court.post(batch, committee, bits);

        Committee memory easier = committee;
        easier.threshold = 1;
        vm.expectPartialRevert(Quorum.CommitteeUnknown.selector);
        court.post(batch, easier, signed(committeeKeys, 1, digest));

        court.post(batch, committee, good);
        vm.expectRevert(
            abi.encodeWithSelector(VerdictCourt.AlreadyPosted.selector, keccak256(abi.encode(batch)))
        );
        court.post(batch, committee, good);
    }

    function test_aSignatureIsBoundToChainContractEpochAndDataContract() public {
        VerdictBatch memory batch = VerdictBatch(CONTRACT, "root", 1, uint48(block.timestamp));
        Signatures memory signatures = signed(committeeKeys, 3, court.batchDigest(batch, 1));
        vm.chainId(999);
        vm.expectPartialRevert(Quorum.SignatureInvalid.selector);
        court.post(batch, committee, signatures);
        vm.chainId(31337);

        VerdictCourt other =
            new VerdictCourt(address(authority), vault, registry, criteria, address(timelock), defaults());
        other.setCommittee(committee);
        vm.expectPartialRevert(Quorum.SignatureInvalid.selector);
        other.post(batch, committee, signatures);

        criteria.set(keccak256("another"), terms());
        VerdictBatch memory moved = VerdictBatch(keccak256("another"), "root", 1, uint48(block.timestamp));
        vm.expectPartialRevert(Quorum.SignatureInvalid.selector);
        court.post(moved, committee, signatures);

        Committee memory next = committee;
        next.epoch = 2;
        court.setCommittee(next);
        vm.expectPartialRevert(Quorum.CommitteeUnknown.selector);
        court.post(batch, committee, signatures);
        vm.expectPartialRevert(Quorum.SignatureInvalid.selector);
        court.post(batch, next, signatures);
    }

    function test_refusesWhatIsOldEmptyFromTheFutureOrUnderNoContract() public {
        uint48 nowSeconds = uint48(block.timestamp);
        uint48 earliest = nowSeconds - 3 days;
        expectRefused(
            VerdictBatch(CONTRACT, "root", 1, earliest - 1),
            abi.encodeWithSelector(VerdictCourt.MadeAtOutside.selector, earliest, nowSeconds, earliest - 1)
        );
        expectRefused(
            VerdictBatch(CONTRACT, "root", 1, nowSeconds + 1),
            abi.encodeWithSelector(VerdictCourt.MadeAtOutside.selector, earliest, nowSeconds, nowSeconds + 1)
        );
        expectRefused(
            VerdictBatch(CONTRACT, "root", 0, nowSeconds), abi.encodeWithSelector(VerdictCourt.BatchEmpty.selector)
        );
        expectRefused(
            VerdictBatch("unknown", "root", 1, nowSeconds),
            abi.encodeWithSelector(VerdictCourt.ContractNotInForce.selector, bytes32("unknown"))
        );
        criteria.retire(CONTRACT);
        expectRefused(
            VerdictBatch(CONTRACT, "root", 1, nowSeconds),
            abi.encodeWithSelector(VerdictCourt.ContractNotInForce.selector, CONTRACT)
        );
    }

    function test_aPauseStopsNewVerdictsOnly() public {
        VerdictProof memory proof = postOne(providerId, "subject", 1);
        vm.prank(challenger);
        court.challenge(proof, 3, "evidence");
        court.pause();
        expectRefused(
            VerdictBatch(CONTRACT, "root", 1, uint48(block.timestamp)),
            abi.encodeWithSelector(Pausable.EnforcedPause.selector)
        );
        rule(proof, 3);
        vm.warp(block.timestamp + 2 days + 1);
        court.settle(proof);
        court.unpause();
        postOne(providerId, "another", 1);
    }

    // ------------------------------------------------------------------------------------------------ disputes

    function test_aChallengeWon() public {
        VerdictProof memory proof = challenged(1, 3);
        (uint256 total, uint256 locked,,) = vault.stakeOf(providerId);
        require(total == 5_000e18 && locked == 1_000e18, "escrow");
        rule(proof, 3);
        vm.warp(block.timestamp + 2 days + 1);
        uint256 supply = token.totalSupply();
        court.settle(proof);
        (total, locked,,) = vault.stakeOf(providerId);
        require(total == 4_000e18 && locked == 0, "slashed");
        require(vault.owed(challenger) == 100e18 + 300e18, "bond and share");
        require(vault.owed(address(timelock)) == 200e18, "treasury");
        require(supply - token.totalSupply() == 500e18, "burned");
        (uint8 decision, uint8 level,) = court.verdictOf(CONTRACT, "subject");
        require(decision == 3 && level == 0, "the ruling is the verdict");
    }

    function test_aChallengeLost() public {
        VerdictProof memory proof = challenged(1, 3);
        rule(proof, 1);
        vm.warp(block.timestamp + 2 days + 1);
        uint256 supply = token.totalSupply();
        court.settle(proof);
        require(vault.owed(challenger) == 0 && vault.owed(controller) == 50e18, "the provider gets half the bond");
        require(supply - token.totalSupply() == 50e18, "the other half burns");
        (, uint256 locked,,) = vault.stakeOf(providerId);
        require(locked == 0, "released");
        (uint8 decision, uint8 level,) = court.verdictOf(CONTRACT, "subject");
        require(decision == 1 && level == 5, "a human auditor accepted it");
    }

    function test_anAppealThatTurnsTheRuling() public {
        VerdictProof memory proof = challenged(1, 3);
        rule(proof, 1);
        vm.prank(appellant);
        court.appeal(proof, "better evidence");
        rule(proof, 3);
        vm.warp(block.timestamp + 2 days + 1);
        court.settle(proof);
        require(vault.owed(appellant) == 200e18, "the appellant was right");
        require(vault.owed(challenger) == 400e18, "and so was the challenger");
        VerdictCourt.Appeal[3] memory made = court.appealsOf(caseOf(proof));
        require(made[0].by == appellant && made[0].against == 1 && made[0].bond == 200e18, "kept for auditors");
        require(made[1].by == address(0), "one appeal");
    }

    function test_everyAppealCostsTwiceAndTheLastRulingEndsIt() public {
        VerdictProof memory proof = challenged(1, 3);
        uint256 before = token.balanceOf(appellant);
        for (uint256 k = 0; k < 3; ++k) {
            rule(proof, k % 2 == 0 ? 1 : 3);
            vm.prank(appellant);
            court.appeal(proof, "");
        }
        require(before - token.balanceOf(appellant) == 200e18 + 400e18 + 800e18, "doubling bonds");
        rule(proof, 3);
        vm.prank(appellant);
        vm.expectRevert(abi.encodeWithSelector(VerdictCourt.NoMoreAppeals.selector, 3));
        court.appeal(proof, "");
        // Nothing is left to wait for.
        court.settle(proof);
        // The first and the third appeal were against what did not stand; the second was wrong.
        require(vault.owed(appellant) == 1_000e18, "two of three bonds");
        require(vault.owed(challenger) == 100e18 + 300e18 + 200e18, "half of the lost bond");
    }

    function test_withoutARulingEverybodyGetsBackWhatHePutIn() public {
        VerdictProof memory proof = challenged(1, 3);
        (, uint48 deadline,,,,,,) = court.cases(caseOf(proof));
        vm.expectRevert(abi.encodeWithSelector(VerdictCourt.DeadlineAhead.selector, deadline));
        court.settle(proof);
        vm.warp(deadline + 1);
        bytes memory late = abi.encodeWithSelector(VerdictCourt.DeadlinePassed.selector, deadline);
        expectRulingRefused(proof, 3, 3, late);
        court.settle(proof);
        require(vault.owed(challenger) == 100e18, "bond");
        (uint256 total, uint256 locked,,) = vault.stakeOf(providerId);
        require(total == 5_000e18 && locked == 0, "stake");
        (uint8 decision,,) = court.verdictOf(CONTRACT, "subject");
        require(decision == 0, "unknown is not verified");
        vm.expectRevert(
            abi.encodeWithSelector(VerdictCourt.CasePhase.selector, caseOf(proof), VerdictCourt.Phase.Unresolved)
        );
        court.finalise(proof);
    }

    function test_anAppealThatNobodyAnswersLeavesTheRuling() public {
        VerdictProof memory proof = challenged(1, 3);
        rule(proof, 3);
        vm.prank(controller);
        vm.expectRevert();
        court.appeal(proof, "");
        vm.prank(appellant);
        court.appeal(proof, "");
        vm.warp(block.timestamp + 2 days + 1);
        court.settle(proof);
        require(vault.owed(appellant) == 200e18, "the appeal was not decided");
        (uint8 decision,,) = court.verdictOf(CONTRACT, "subject");
        require(decision == 3, "the ruling before it stands");
    }

    function test_aCaseSettlesOnce() public {
        VerdictProof memory proof = challenged(1, 3);
        rule(proof, 3);
        vm.warp(block.timestamp + 2 days + 1);
        court.settle(proof);
        vm.expectRevert(
            abi.encodeWithSelector(VerdictCourt.CasePhase.selector, caseOf(proof), VerdictCourt.Phase.Settled)
        );
        court.settle(proof);
        vm.prank(appellant);
        vm.expectRevert(
            abi.encodeWithSelector(VerdictCourt.CasePhase.selector, caseOf(proof), VerdictCourt.Phase.Settled)
        );
        court.appeal(proof, "");
    }

    /// A friend of the provider who claims too little shields it from nothing.
    function test_claimingTooLittleShieldsNobody() public {
        VerdictProof memory proof = challenged(1, 2);
        rule(proof, 3);
        vm.warp(block.timestamp + 2 days + 1);
        court.settle(proof);
        (uint256 total,,,) = vault.stakeOf(providerId);
        require(total == 4_000e18, "slashed all the same");
    }

    function test_dataThatIsOnlyFlaggedIsNotSlashed() public {
        VerdictProof memory proof = challenged(1, 3);
        rule(proof, 2);
        vm.warp(block.timestamp + 2 days + 1);
        court.settle(proof);
        (uint256 total, uint256 locked,,) = vault.stakeOf(providerId);
        require(total == 5_000e18 && locked == 0, "not slashed");
        require(vault.owed(challenger) == 100e18, "the challenger was right to ask");
    }

    function test_aProviderDefendsRejectedData() public {
        funded(controller, 1_000e18);
        VerdictProof memory proof = postOne(providerId, "subject", 3);
        vm.prank(controller);
        court.challenge(proof, 1, "");
        (, uint256 locked,,) = vault.stakeOf(providerId);
        require(locked == 0, "nobody is accused");
        rule(proof, 1);
        vm.warp(block.timestamp + 2 days + 1);
        court.settle(proof);
        require(vault.owed(controller) == 100e18, "bond");

        proof = postOne(providerId, "another", 3);
        vm.prank(controller);
        court.challenge(proof, 1, "");
        rule(proof, 3);
        vm.warp(block.timestamp + 2 days + 1);
        court.settle(proof);
        require(vault.owed(controller) == 100e18 && vault.owed(address(timelock)) == 50e18, "lost to the treasury");
    }

    function test_aSlashedProviderCannotExitFirst() public {
        VerdictProof memory proof = postOne(providerId, "lie", 1);
        vm.prank(controller);
        vault.beginUnbonding(providerId, 5_000e18);
        vm.warp(block.timestamp + 1 days);
        vm.prank(challenger);
        court.challenge(proof, 3, "");
        // Every step takes as long as it may.
        for (uint256 k = 0; k < 3; ++k) {
            vm.warp(block.timestamp + 2 days);
            rule(proof, k % 2 == 0 ? 1 : 3);
            vm.warp(block.timestamp + 2 days);
            vm.prank(appellant);
            court.appeal(proof, "");
        }
        vm.warp(block.timestamp + 2 days);
        rule(proof, 3);
        (,,, uint48 withdrawableAt) = vault.stakeOf(providerId);
        require(block.timestamp < withdrawableAt, "even the longest case ends before stake can leave");
        court.settle(proof);
        vm.warp(withdrawableAt);
        vm.prank(controller);
        vault.withdraw(providerId);
        require(token.balanceOf(controller) == 4_000e18, "the rest");
    }

    function test_whoHasLessThanIsAtRiskLosesWhatHeHas() public {
        bytes32 poor = provider(address(0xF00), 10e18);
        VerdictProof memory proof = postOne(poor, "subject", 1);
        vm.prank(challenger);
        court.challenge(proof, 3, "");
        rule(proof, 3);
        vm.warp(block.timestamp + 2 days + 1);
        court.settle(proof);
        (uint256 total,,,) = vault.stakeOf(poor);
        require(total == 0 && vault.owed(challenger) == 103e18, "all of it");
    }

    /// The controller of a provider that nobody registered is the treasury.
    function test_aCaseAboutAnUnknownProviderEndsToo() public {
        VerdictProof memory proof = postOne("nobody", "subject", 1);
        vm.prank(challenger);
        court.challenge(proof, 3, "");
        rule(proof, 1);
        vm.warp(block.timestamp + 2 days + 1);
        court.settle(proof);
        require(vault.owed(address(timelock)) == 50e18, "treasury");
    }

    function test_refusesChallengesThatAreNone() public {
        VerdictProof memory proof = postOne(providerId, "subject", 1);
        vm.startPrank(challenger);
        vm.expectRevert(abi.encodeWithSelector(VerdictCourt.NothingClaimed.selector, 1));
        court.challenge(proof, 1, "");
        vm.expectRevert(abi.encodeWithSelector(VerdictCourt.DecisionUnknown.selector, 4));
        court.challenge(proof, 4, "");
        vm.expectRevert(abi.encodeWithSelector(VerdictCourt.DecisionUnknown.selector, 0));
        court.challenge(proof, 0, "");
        VerdictProof memory other = proof;
        vm.stopPrank();
        vm.prank(controller);
        vm.expectRevert(abi.encodeWithSelector(VerdictCourt.SelfChallenge.selector, controller));
        court.challenge(proof, 3, "");
        vm.prank(challenger);
        court.challenge(proof, 3, "");
        vm.prank(appellant);
        vm.expectRevert(abi.encodeWithSelector(VerdictCourt.CaseExists.selector, caseOf(proof)));
        court.challenge(proof, 3, "");

        proof = postOne(providerId, "late", 1);
        vm.warp(block.timestamp + 1 days + 1);
        vm.prank(challenger);
        vm.expectRevert(abi.encodeWithSelector(VerdictCourt.ChallengeOver.selector, block.timestamp - 1));
        court.challenge(proof, 3, "");
        other.batch.count = 2;
        vm.expectRevert(
            abi.encodeWithSelector(VerdictCourt.NotPosted.selector, keccak256(abi.encode(other.batch)))
        );
        court.challenge(other, 3, "");
    }

    function test_aVerdictWithoutADecisionIsNone() public {
        VerdictProof memory proof = postOne(providerId, "subject", 0);
        vm.expectRevert(abi.encodeWithSelector(VerdictCourt.DecisionUnknown.selector, 0));
        court.finalise(proof);
        proof = postOne(providerId, "subject", 4);
        vm.expectRevert(abi.encodeWithSelector(VerdictCourt.DecisionUnknown.selector, 4));
        court.finalise(proof);
    }

    function test_refusesRulingsThatAreNone() public {
        VerdictProof memory proof = postOne(providerId, "subject", 1);
        bytes memory none =
            abi.encodeWithSelector(VerdictCourt.CasePhase.selector, caseOf(proof), VerdictCourt.Phase.None);
        expectRulingRefused(proof, 3, 3, none);
        vm.expectRevert(none);
        court.settle(proof);
        vm.prank(challenger);
        court.challenge(proof, 3, "");
        expectRulingRefused(proof, 0, 3, abi.encodeWithSelector(VerdictCourt.DecisionUnknown.selector, 0));
        expectRulingRefused(proof, 4, 3, abi.encodeWithSelector(VerdictCourt.DecisionUnknown.selector, 4));
        expectRulingRefused(proof, 3, 2, abi.encodeWithSelector(Quorum.QuorumMissed.selector, 3, 2));
        rule(proof, 1);
        (, uint48 deadline,,,,,,) = court.cases(caseOf(proof));
        vm.warp(deadline + 1);
        vm.prank(appellant);
        vm.expectRevert(abi.encodeWithSelector(VerdictCourt.DeadlinePassed.selector, deadline));
        court.appeal(proof, "");
        vm.warp(deadline);
        vm.prank(appellant);
        court.appeal(proof, "");
        // An appeal asks for two more.
        (,,, uint8 round,,,,) = court.cases(caseOf(proof));
        bytes32 digest = court.rulingDigest(caseOf(proof), proof, round, 3, "reasons", 1);
        Signatures memory tooFew = signed(reviewerKeys, 4, digest);
        vm.expectRevert(abi.encodeWithSelector(Quorum.QuorumMissed.selector, 5, 4));
        court.rule(proof, 3, "reasons", reviewers, tooFew);
        // And a ruling of the round before cannot be used again.
        Signatures memory old =
            signed(reviewerKeys, 5, court.rulingDigest(caseOf(proof), proof, 0, 1, "reasons", 1));
        vm.expectPartialRevert(Quorum.SignatureInvalid.selector);
        court.rule(proof, 1, "reasons", reviewers, old);
    }

    function test_nobodyJudgesHisOwnCase() public {
        for (uint256 k = 0; k < 3; ++k) {
            address reviewer = funded(reviewers.members[k], 1_000e18);
            VerdictProof memory proof;
            bytes memory refused = abi.encodeWithSelector(VerdictCourt.ReviewerIsParty.selector, reviewer);
            if (k == 0) {
                proof = postOne(providerId, "by the challenger", 1);
                vm.prank(reviewer);
                court.challenge(proof, 3, "");
            } else if (k == 1) {
                proof = postOne(provider(reviewer, 10e18), "by the provider", 1);
                vm.prank(challenger);
                court.challenge(proof, 3, "");
            } else {
                proof = postOne(providerId, "by an appellant", 1);
                vm.prank(challenger);
                court.challenge(proof, 3, "");
                rule(proof, 1);
                vm.prank(reviewer);
                court.appeal(proof, "");
            }
            expectRulingRefused(proof, 3, k == 2 ? 5 : 3, refused);
        }
    }

    function test_asManyReviewersAsThereAre() public {
        uint256[] memory few = new uint256[](3);
        (few[0], few[1], few[2]) = (reviewerKeys[0], reviewerKeys[1], reviewerKeys[2]);
        Committee memory small = committeeOf(few, 2);
        small.epoch = 2;
        court.setReviewers(small);
        VerdictProof memory proof = challenged(1, 3);
        bytes32 id = caseOf(proof);
        Signatures memory two = signed(few, 2, court.rulingDigest(id, proof, 0, 1, "", 2));
        court.rule(proof, 1, "", small, two);
        vm.prank(appellant);
        court.appeal(proof, "");
        Signatures memory three = signed(few, 3, court.rulingDigest(id, proof, 1, 3, "", 2));
        court.rule(proof, 3, "", small, three);
    }

    // ---------------------------------------------------------------------------------------------- parameters

    function test_refusesParametersThatWouldTrapOrInviteFraud() public {
        VerdictCourt.Parameters memory changed = defaults();
        changed.challengeBond = 0;
        expectParametersRefused(changed, abi.encodeWithSelector(VerdictCourt.BondZero.selector));
        changed = defaults();
        changed.challengeBond = type(uint128).max;
        expectParametersRefused(
            changed,
            abi.encodeWithSelector(
                VerdictCourt.ShareOutside.selector, 1, type(uint128).max >> 3, type(uint128).max
            )
        );
        changed = defaults();
        changed.burnBps = 999;
        expectParametersRefused(
            changed, abi.encodeWithSelector(VerdictCourt.ShareOutside.selector, 1_000, 10_000, 999)
        );
        changed.burnBps = 10_001;
        expectParametersRefused(
            changed, abi.encodeWithSelector(VerdictCourt.ShareOutside.selector, 1_000, 10_000, 10_001)
        );
        changed = defaults();
        changed.challengerBps = 5_001;
        expectParametersRefused(
            changed, abi.encodeWithSelector(VerdictCourt.ShareOutside.selector, 0, 5_000, 5_001)
        );
        changed = defaults();
        changed.feeBps = 5_001;
        expectParametersRefused(
            changed, abi.encodeWithSelector(VerdictCourt.ShareOutside.selector, 0, 5_000, 5_001)
        );
        changed = defaults();
        changed.rulingSeconds = 599;
        expectParametersRefused(
            changed, abi.encodeWithSelector(VerdictCourt.TimesTooShort.selector, 600, 599)
        );
        changed = defaults();
        changed.appealSeconds = 599;
        expectParametersRefused(
            changed, abi.encodeWithSelector(VerdictCourt.TimesTooShort.selector, 600, 599)
        );
        changed = defaults();
        changed.appealSeconds = 3 days;
        expectParametersRefused(
            changed, abi.encodeWithSelector(VerdictCourt.TimesTooLong.selector, 21 days, 23 days)
        );
        changed = defaults();
        changed.feeBps = 0;
        court.setParameters(changed);
        VerdictProof memory proof = postOne(providerId, "subject", 1);
        vm.warp(block.timestamp + 2 days);
        court.finalise(proof);
        require(vault.owed(controller) == 1e18 && vault.owed(address(timelock)) == 0, "no fee");
    }

    function test_onlyGovernanceChangesAnything() public {
        handOver();
        bytes memory refused =
            abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, address(this));
        vm.expectRevert(refused);
        court.setParameters(defaults());
        vm.expectRevert(refused);
        court.setCommittee(committee);
        vm.expectRevert(refused);
        court.setReviewers(committee);
        vm.expectRevert(refused);
        court.pause();
        vm.expectRevert(refused);
        court.unpause();
        vm.expectRevert(refused);
        criteria.set(CONTRACT, terms());
        vm.expectRevert(refused);
        criteria.retire(CONTRACT);
    }

    function test_refusesMalformedCommittees() public {
        Committee memory made = committeeOf(committeeKeys, 3);
        vm.expectRevert(abi.encodeWithSelector(VerdictCourt.EpochUnexpected.selector, 2, 1));
        court.setCommittee(made);
        vm.expectRevert(abi.encodeWithSelector(VerdictCourt.EpochUnexpected.selector, 2, 1));
        court.setReviewers(made);
        made.epoch = 2;
        made.threshold = 0;
        vm.expectRevert(abi.encodeWithSelector(Quorum.CommitteeSize.selector, 5, 0));
        court.setCommittee(made);
        made.threshold = 6;
        vm.expectRevert(abi.encodeWithSelector(Quorum.CommitteeSize.selector, 5, 6));
        court.setCommittee(made);
        made.threshold = 3;
        (made.members[0], made.members[1]) = (made.members[1], made.members[0]);
        vm.expectRevert(abi.encodeWithSelector(Quorum.CommitteeOrder.selector, 1));
        court.setCommittee(made);
        made.members[0] = address(0);
        vm.expectRevert(abi.encodeWithSelector(Quorum.CommitteeOrder.selector, 0));
        court.setCommittee(made);
        made.members = new address[](0);
        vm.expectRevert(abi.encodeWithSelector(Quorum.CommitteeSize.selector, 0, 3));
        court.setCommittee(made);
        made.members = new address[](65);
        vm.expectRevert(abi.encodeWithSelector(Quorum.CommitteeSize.selector, 65, 3));
        court.setCommittee(made);
    }

    // -------------------------------------------------------------------------------------------------- helpers

    function challenged(uint8 decision, uint8 claimed) internal returns (VerdictProof memory proof) {
        proof = postOne(providerId, "subject", decision);
        vm.prank(challenger);
        court.challenge(proof, claimed, "evidence");
    }

    function expectRefused(VerdictBatch memory batch, bytes memory refusal) internal {
        Signatures memory signatures = signed(committeeKeys, 3, court.batchDigest(batch, 1));
        vm.expectRevert(refusal);
        court.post(batch, committee, signatures);
    }

    function expectRulingRefused(VerdictProof memory proof, uint8 decision, uint256 count, bytes memory refusal)
        internal
    {
        (,,, uint8 round,,,,) = court.cases(caseOf(proof));
        bytes32 digest = court.rulingDigest(caseOf(proof), proof, round, decision, "reasons", 1);
        Signatures memory signatures = signed(reviewerKeys, count, digest);
        vm.expectRevert(refusal);
        court.rule(proof, decision, "reasons", reviewers, signatures);
    }

    function expectParametersRefused(VerdictCourt.Parameters memory changed, bytes memory refusal) internal {
        vm.expectRevert(refusal);
        court.setParameters(changed);
    }

    function rootOf(bytes32[] memory leaves, uint256 from, uint256 to) internal pure returns (bytes32) {
        if (to - from == 1) return leaves[from];
        uint256 split = from + largestPowerBelow(to - from);
        return sha256(abi.encodePacked(bytes1(0x01), rootOf(leaves, from, split), rootOf(leaves, split, to)));
    }

    function pathOf(bytes32[] memory leaves, uint256 from, uint256 to, uint256 index)
        internal
        pure
        returns (bytes32[] memory path)
    {
        if (to - from == 1) return new bytes32[](0);
        uint256 split = from + largestPowerBelow(to - from);
        bool left = index < split;
        bytes32[] memory below = left ? pathOf(leaves, from, split, index) : pathOf(leaves, split, to, index);
        path = new bytes32[](below.length + 1);
        for (uint256 i = 0; i < below.length; ++i) path[i] = below[i];
        path[below.length] = left ? rootOf(leaves, split, to) : rootOf(leaves, from, split);
    }

    function largestPowerBelow(uint256 size) internal pure returns (uint256 power) {
        power = 1;
        while (power * 2 < size) power *= 2;
    }
}
