// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {StakeVault} from "../solidity/StakeVault.sol";
import {VerdictCourt, VerdictProof} from "../solidity/VerdictCourt.sol";
import {CONTRACT, Fixture} from "./Fixture.sol";
import {vm} from "./Vm.sol";

/// Plays everybody at random: providers, challengers, reviewers, people who only pass by, and time.
contract Players is Fixture {
    uint256 internal constant PEOPLE = 4;
    /// A case is remembered for as long as it can change anything.
    uint256 internal constant MOST_VERDICTS = 60;

    address[] public people;
    bytes32[] public providers;
    VerdictProof[] internal verdicts;
    /// What was decided first on each subject.
    mapping(bytes32 subject => uint8) public firstDecision;
    mapping(bytes32 caseId => uint256) public settlements;
    mapping(bytes32 providerId => uint256) public stakedEver;
    mapping(bytes32 providerId => uint256) public leftEver;
    mapping(bytes32 providerId => uint256) public slashedEver;
    uint256 public fundsEver;
    /// Set when something happened that must not.
    string public wrong;

    constructor() {
        deployEconomy();
        for (uint256 i = 0; i < PEOPLE; ++i) {
            people.push(funded(address(uint160(0x1000 + i)), 100_000e18));
            providers.push(provider(people[i], 0));
        }
        people.push(address(timelock));
    }

    function stake(uint256 by, uint256 whose, uint96 amount) external {
        amount = uint96(1 + amount % 5_000e18);
        vm.prank(people[by % PEOPLE]);
        try vault.stake(providers[whose % PEOPLE], amount) {
            stakedEver[providers[whose % PEOPLE]] += amount;
        } catch {}
    }

    function beginUnbonding(uint256 whose, uint96 amount) external {
        (uint256 total,, uint256 unbonding,) = vault.stakeOf(providers[whose % PEOPLE]);
        if (total == unbonding) return;
        vm.prank(people[whose % PEOPLE]);
        vault.beginUnbonding(providers[whose % PEOPLE], uint128(1 + amount % (total - unbonding)));
    }

    function cancelUnbonding(uint256 whose) external {
        vm.prank(people[whose % PEOPLE]);
        try vault.cancelUnbonding(providers[whose % PEOPLE]) {} catch {}
    }

    function withdraw(uint256 whose) external {
        bytes32 id = providers[whose % PEOPLE];
        address controller = people[whose % PEOPLE];
        uint256 before = token.balanceOf(controller);
        vm.prank(controller);
        try vault.withdraw(id) {
            leftEver[id] += token.balanceOf(controller) - before;
        } catch {}
    }

    function fundRewards(uint96 amount) external {
        amount = uint96(1 + amount % 50e18);
        token.approve(address(vault), amount);
        vault.fundRewards(amount);
        fundsEver += amount;
    }

    function post(uint256 whose, uint8 decision, uint8 subject) external {
        if (verdicts.length == MOST_VERDICTS) return;
        // Few subjects, so that verdicts meet.
        bytes32 about = bytes32(uint256(subject % 16));
        uint48 madeAt = uint48(block.timestamp);
        VerdictProof memory made;
        made.verdict.subject = about;
        made.verdict.providerId = providers[whose % PEOPLE];
        made.verdict.decision = 1 + decision % 3;
        made.verdict.statement = bytes32(verdicts.length);
        made.batch.contractDigest = CONTRACT;
        made.batch.root = leafOf(made.verdict);
        made.batch.count = 1;
        made.batch.madeAt = madeAt;
        post(made.batch);
        verdicts.push(made);
    }

    function challenge(uint256 by, uint256 which, uint8 claimed) external some {
        vm.prank(people[by % PEOPLE]);
        try court.challenge(verdicts[which % verdicts.length], 1 + claimed % 3, "") {} catch {}
    }

    function ruleOn(uint256 which, uint8 decision) external some {
        VerdictProof memory about = verdicts[which % verdicts.length];
        (, uint48 deadline, VerdictCourt.Phase phase,,,,,) = court.cases(caseOf(about));
        if (phase != VerdictCourt.Phase.Ruling || block.timestamp > deadline) return;
        rule(about, 1 + decision % 3);
    }

    function appeal(uint256 by, uint256 which) external some {
        vm.prank(people[by % PEOPLE]);
        try court.appeal(verdicts[which % verdicts.length], "") {} catch {}
    }

    function settle(uint256 which) public some {
        VerdictProof memory about = verdicts[which % verdicts.length];
        bytes32 id = about.verdict.providerId;
        (uint256 before,,,) = vault.stakeOf(id);
        try court.settle(about) {
            if (++settlements[caseOf(about)] > 1) wrong = "a case settled twice";
            (uint256 left,,,) = vault.stakeOf(id);
            slashedEver[id] += before - left;
            remember(about.verdict.subject);
        } catch {}
    }

    function finalise(uint256 which) public some {
        VerdictProof memory about = verdicts[which % verdicts.length];
        try court.finalise(about) {
            remember(about.verdict.subject);
        } catch {}
    }

    function claim(uint256 by) public {
        vm.prank(people[by % people.length]);
        try vault.claim(people[by % people.length]) {} catch {}
    }

    function pass(uint32 seconds_) external {
        vm.warp(block.timestamp + 1 + seconds_ % 3 days);
    }

    /// Everything that is under way ends, by anybody's calls and without anybody's help.
    function endEverything() external {
        vm.warp(block.timestamp + 30 days);
        for (uint256 i = 0; i < verdicts.length; ++i) {
            settle(i);
            finalise(i);
            (,, VerdictCourt.Phase phase,,,,,) = court.cases(caseOf(verdicts[i]));
            (uint8 decision,,) = court.verdictOf(CONTRACT, verdicts[i].verdict.subject);
            require(phase != VerdictCourt.Phase.Ruling && phase != VerdictCourt.Phase.Appealable, "open");
            require(decision != 0 || phase == VerdictCourt.Phase.Unresolved, "no verdict");
            require(vault.potOf(address(court), caseOf(verdicts[i])) == 0, "a pot is not empty");
        }
        for (uint256 i = 0; i < PEOPLE; ++i) {
            (uint256 total, uint256 locked, uint256 unbonding,) = vault.stakeOf(providers[i]);
            require(locked == 0, "stake is locked for ever");
            vm.startPrank(people[i]);
            if (total > unbonding) vault.beginUnbonding(providers[i], uint128(total - unbonding));
            vm.warp(block.timestamp + 30 days);
            if (total > 0) vault.withdraw(providers[i]);
            vm.stopPrank();
        }
        for (uint256 i = 0; i < people.length; ++i) claim(i);
        require(token.balanceOf(address(vault)) == vault.rewardPool(), "the vault is empty but for the pool");
    }

    function tokensAccountedFor() external view returns (uint256 sum) {
        sum = vault.rewardPool();
        for (uint256 i = 0; i < PEOPLE; ++i) {
            (uint256 total,,,) = vault.stakeOf(providers[i]);
            sum += total;
        }
        for (uint256 i = 0; i < people.length; ++i) sum += vault.owed(people[i]);
        for (uint256 i = 0; i < verdicts.length; ++i)
            sum += vault.potOf(address(court), caseOf(verdicts[i]));
    }

    function tokensHeld() external view returns (uint256) {
        return token.balanceOf(address(vault));
    }

    function stakeAddsUp() external view returns (bool) {
        for (uint256 i = 0; i < PEOPLE; ++i) {
            bytes32 id = providers[i];
            (uint256 total, uint256 locked,,) = vault.stakeOf(id);
            if (total != stakedEver[id] - leftEver[id] - slashedEver[id] || locked > total) return false;
            if (locked != vault.lockedBy(address(court), id)) return false;
        }
        return true;
    }

    function votesAreCovered() external view returns (bool) {
        uint256 votes;
        for (uint256 i = 0; i < people.length; ++i) votes += token.getVotes(people[i]);
        return votes <= token.totalSupply() && token.totalSupply() <= token.INITIAL_SUPPLY();
    }

    modifier some() {
        if (verdicts.length > 0) _;
    }

    function remember(bytes32 subject) internal {
        (uint8 decision,,) = court.verdictOf(CONTRACT, subject);
        if (firstDecision[subject] == 0) firstDecision[subject] = decision;
        if (firstDecision[subject] != decision) wrong = "a final verdict changed";
    }
}

contract EconomyTest {
    Players internal players;

    function setUp() public {
        players = new Players();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(players);
    }

    /// The runner must not end everything half way.
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function excludeSelectors() public view returns (FuzzSelector[] memory excluded) {
        excluded = new FuzzSelector[](1);
        excluded[0].addr = address(players);
        excluded[0].selectors = new bytes4[](1);
        excluded[0].selectors[0] = players.endEverything.selector;
    }

    function invariant_everyTokenIsAccountedFor() public view {
        require(players.tokensHeld() == players.tokensAccountedFor(), "balance");
    }

    function invariant_nobodyTakesAnothersStake() public view {
        require(players.stakeAddsUp(), "stake");
    }

    function invariant_whatIsFinalStaysAndSettlesOnce() public view {
        require(bytes(players.wrong()).length == 0, players.wrong());
    }

    function invariant_votesNeverExceedTheSupply() public view {
        require(players.votesAreCovered(), "votes");
    }

    /// Runs after the last call of every sequence.
    function afterInvariant() public {
        players.endEverything();
    }
}
