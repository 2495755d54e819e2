// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {Criteria} from "../solidity/QualityCriteria.sol";
import {Committee} from "../solidity/Quorum.sol";
import {VerdictCourt} from "../solidity/VerdictCourt.sol";
import {CONTRACT, Fixture} from "./Fixture.sol";
import {vm} from "./Vm.sol";

/// Propose, vote, queue, execute is the only way to change anything, and each known way around it is closed.
contract GovernanceTest is Fixture {
    address internal alice;
    address internal whale = address(0x3A1E);

    function setUp() public {
        deployEconomy();
        handOver();
        alice = funded(address(0xA11CE), 60_000_000e18);
        vm.prank(alice);
        token.delegate(alice);
        vm.warp(block.timestamp + 1);
        token.transfer(address(timelock), 1_000e18);
    }

    function test_aVoteChangesTheRequiredLevel() public {
        Criteria memory changed = terms();
        changed.requiredLevel = 5;
        decide(address(criteria), abi.encodeCall(criteria.set, (CONTRACT, changed)));
        (Criteria memory now_, uint32 revision,,) = criteria.criteriaOf(CONTRACT);
        require(now_.requiredLevel == 5 && revision == 2, "level");
    }

    function test_aVoteChangesSamplingFeesCommitteeAndTreasury() public {
        Criteria memory changed = terms();
        changed.samplingPpm = 50_000;
        decide(address(criteria), abi.encodeCall(criteria.set, (CONTRACT, changed)));
        (Criteria memory now_,,,) = criteria.criteriaOf(CONTRACT);
        require(now_.samplingPpm == 50_000, "sampling");

        VerdictCourt.Parameters memory fees = defaults();
        fees.feeBps = 500;
        decide(address(court), abi.encodeCall(court.setParameters, (fees)));
        (,,,,, uint16 feeBps) = court.parameters();
        require(feeBps == 500, "fees");

        Committee memory next = committee;
        (next.epoch, next.threshold) = (2, 4);
        decide(address(court), abi.encodeCall(court.setCommittee, (next)));
        require(court.committeeEpoch() == 2 && court.committeeHash() == keccak256(abi.encode(next)), "committee");

        decide(address(token), abi.encodeCall(token.transfer, (address(0xFEED), 400e18)));
        require(token.balanceOf(address(0xFEED)) == 400e18, "treasury");
    }

    function test_aRejectedProposalChangesNothing() public {
        (uint256 id, address[] memory targets, bytes[] memory calls) = propose(alice, address(court), "");
        vm.warp(governor.proposalSnapshot(id) + 1);
        vm.prank(alice);
        governor.castVote(id, 0);
        vm.warp(governor.proposalDeadline(id) + 1);
        require(governor.state(id) == IGovernor.ProposalState.Defeated, "defeated");
        vm.expectPartialRevert(IGovernor.GovernorUnexpectedProposalState.selector);
        governor.queue(targets, new uint256[](1), calls, keccak256("why"));
    }

    function test_aProposerTakesAProposalBackBeforeTheVoteAndNobodyElseDoes() public {
        (uint256 id, address[] memory targets, bytes[] memory calls) =
            propose(alice, address(court), abi.encodeCall(court.pause, ()));
        vm.expectPartialRevert(IGovernor.GovernorUnableToCancel.selector);
        governor.cancel(targets, new uint256[](1), calls, keccak256("why"));
        vm.prank(alice);
        governor.cancel(targets, new uint256[](1), calls, keccak256("why"));
        require(governor.state(id) == IGovernor.ProposalState.Canceled, "taken back");
        vm.warp(governor.proposalSnapshot(id) + 1);
        vm.prank(alice);
        vm.expectPartialRevert(IGovernor.GovernorUnexpectedProposalState.selector);
        governor.castVote(id, 1);
    }

    function test_tokensThatCameAfterTheCountDoNotVote() public {
        (uint256 id,,) = propose(alice, address(court), "");
        vm.warp(governor.proposalSnapshot(id) + 1);
        // A loan of half of all tokens, delegated in the same block.
        token.transfer(whale, 500_000_000e18);
        vm.startPrank(whale);
        token.delegate(whale);
        governor.castVote(id, 1);
        vm.stopPrank();
        (, uint256 forVotes,) = governor.proposalVotes(id);
        require(forVotes == 0, "a flash loan votes with nothing");
        vm.prank(whale);
        vm.expectPartialRevert(IGovernor.GovernorInsufficientProposerVotes.selector);
        governor.propose(new address[](1), new uint256[](1), new bytes[](1), "and proposes nothing");
    }

    function test_nobodyVotesTwiceWithTheSameTokens() public {
        (uint256 id,,) = propose(alice, address(court), "");
        vm.warp(governor.proposalSnapshot(id) + 1);
        vm.startPrank(alice);
        governor.castVote(id, 1);
        vm.expectPartialRevert(IGovernor.GovernorAlreadyCastVote.selector);
        governor.castVote(id, 1);
        token.transfer(whale, 60_000_000e18);
        vm.stopPrank();
        vm.startPrank(whale);
        token.delegate(whale);
        governor.castVote(id, 1);
        vm.stopPrank();
        (, uint256 forVotes,) = governor.proposalVotes(id);
        require(forVotes == 60_000_000e18, "counted once");
    }

    /// A proposal that names its proposer cannot be put in by another to be cancelled afterwards.
    function test_nobodyStealsAProposal() public {
        vm.prank(alice);
        token.transfer(whale, 1_000_000e18);
        vm.prank(whale);
        token.delegate(whale);
        vm.warp(block.timestamp + 1);
        address[] memory targets = new address[](1);
        targets[0] = address(court);
        string memory description = "why#proposer=0x00000000000000000000000000000000000a11ce";
        vm.prank(whale);
        vm.expectPartialRevert(IGovernor.GovernorRestrictedProposer.selector);
        governor.propose(targets, new uint256[](1), new bytes[](1), description);
        vm.prank(alice);
        uint256 id = governor.propose(targets, new uint256[](1), new bytes[](1), description);
        vm.prank(whale);
        vm.expectPartialRevert(IGovernor.GovernorUnableToCancel.selector);
        governor.cancel(targets, new uint256[](1), new bytes[](1), keccak256(bytes(description)));
        require(governor.state(id) == IGovernor.ProposalState.Pending, "stands");
    }

    function test_theTimelockCannotBePassed() public {
        (uint256 id, address[] memory targets, bytes[] memory calls) =
            propose(alice, address(court), abi.encodeCall(court.pause, ()));
        vm.warp(governor.proposalSnapshot(id) + 1);
        vm.prank(alice);
        governor.castVote(id, 1);
        vm.warp(governor.proposalDeadline(id) + 1);
        bytes32 why = keccak256("why");
        vm.expectPartialRevert(IGovernor.GovernorUnexpectedProposalState.selector);
        governor.execute(targets, new uint256[](1), calls, why);
        governor.queue(targets, new uint256[](1), calls, why);
        vm.warp(block.timestamp + 2 days - 1);
        vm.expectPartialRevert(TimelockController.TimelockUnexpectedOperationState.selector);
        governor.execute(targets, new uint256[](1), calls, why);
        // Nobody but the governor puts anything into the timelock, and the governor itself may do nothing.
        vm.prank(alice);
        vm.expectRevert();
        timelock.schedule(address(court), 0, calls[0], 0, 0, 2 days);
        vm.prank(address(governor));
        vm.expectRevert();
        timelock.schedule(address(court), 0, calls[0], 0, 0, 2 days - 1);
        vm.prank(address(governor));
        vm.expectRevert(
            abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, address(governor))
        );
        court.pause();
        vm.warp(block.timestamp + 1);
        governor.execute(targets, new uint256[](1), calls, why);
        require(court.paused(), "executed");
    }

    function test_nobodyKeepsAKey() public {
        (bool admin,) = authority.hasRole(0, address(this));
        require(!admin, "manager");
        require(!timelock.hasRole(timelock.DEFAULT_ADMIN_ROLE(), address(this)), "timelock");
        require(!timelock.hasRole(timelock.PROPOSER_ROLE(), address(this)), "proposer");
        (admin,) = authority.hasRole(0, address(timelock));
        require(admin, "the timelock rules");
        vm.expectRevert();
        authority.grantRole(0, address(this), 0);
    }

    function test_aLateQuorumLeavesTimeToAnswer() public {
        (uint256 id,,) = propose(alice, address(court), "");
        uint256 deadline = governor.proposalDeadline(id);
        vm.warp(deadline - 1);
        vm.prank(alice);
        governor.castVote(id, 1);
        require(governor.proposalDeadline(id) == deadline - 1 + 1 days, "extended");
    }

    function testFuzz_votesNeverExceedTheSupply(uint256 seed) public {
        address[4] memory holders = [alice, whale, address(0x1), address(0x2)];
        for (uint256 i = 0; i < 12; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            address from = holders[seed % 4];
            address to = holders[(seed >> 8) % 4];
            vm.startPrank(from);
            token.delegate(holders[(seed >> 16) % 4]);
            uint256 amount = token.balanceOf(from) == 0 ? 0 : (seed >> 24) % token.balanceOf(from);
            token.transfer(to, amount);
            if (seed >> 255 == 1) token.burn(token.balanceOf(from) / 3);
            vm.stopPrank();
            uint256 votes = 0;
            for (uint256 k = 0; k < 4; ++k) votes += token.getVotes(holders[k]);
            require(votes <= token.totalSupply(), "votes");
        }
    }

    function test_permitsAreSignedNotSent() public {
        uint256 key = 77;
        address holder = vm.addr(key);
        bytes32 digest = keccak256(
            abi.encodePacked(
                "\x19\x01",
                token.DOMAIN_SEPARATOR(),
                keccak256(
                    abi.encode(
                        keccak256(
                            "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
                        ),
                        holder,
                        address(vault),
                        5,
                        token.nonces(holder),
                        block.timestamp
                    )
                )
            )
        );
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        token.permit(holder, address(vault), 5, block.timestamp, v, r, s);
        require(token.allowance(holder, address(vault)) == 5, "allowance");
        require(keccak256(bytes(token.CLOCK_MODE())) == keccak256("mode=timestamp"), "clock");
    }

    // ------------------------------------------------------------------------------------------------- helpers

    function propose(address by, address target, bytes memory call)
        internal
        returns (uint256 id, address[] memory targets, bytes[] memory calls)
    {
        targets = new address[](1);
        calls = new bytes[](1);
        (targets[0], calls[0]) = (target, call);
        vm.prank(by);
        id = governor.propose(targets, new uint256[](1), calls, "why");
    }

    /// The whole way of a decision.
    function decide(address target, bytes memory call) internal {
        (uint256 id, address[] memory targets, bytes[] memory calls) = propose(alice, target, call);
        require(governor.proposalNeedsQueuing(id) && governor.proposalThreshold() > 0, "through the timelock");
        vm.warp(governor.proposalSnapshot(id) + 1);
        vm.prank(alice);
        governor.castVote(id, 1);
        vm.warp(governor.proposalDeadline(id) + 1);
        governor.queue(targets, new uint256[](1), calls, keccak256("why"));
        vm.warp(governor.proposalEta(id));
        governor.execute(targets, new uint256[](1), calls, keccak256("why"));
    }
}
