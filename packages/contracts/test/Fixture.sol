// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {AssayGovernor} from "../solidity/AssayGovernor.sol";
import {AssayToken} from "../solidity/AssayToken.sol";
import {ProviderRegistry} from "../solidity/ProviderRegistry.sol";
import {Criteria, QualityCriteria} from "../solidity/QualityCriteria.sol";
import {Committee, Signatures} from "../solidity/Quorum.sol";
import {StakeVault} from "../solidity/StakeVault.sol";
import {Verdict, VerdictBatch, VerdictCourt, VerdictProof} from "../solidity/VerdictCourt.sol";
import {vm} from "./Vm.sol";

uint64 constant COURT_ROLE = 1;
bytes32 constant CONTRACT = keccak256("data contract");

/// The economy as it is deployed: the timelock holds every role, the courts may move what the vault holds.
abstract contract Fixture {
    AccessManager internal authority;
    AssayToken internal token;
    TimelockController internal timelock;
    AssayGovernor internal governor;
    ProviderRegistry internal registry;
    StakeVault internal vault;
    QualityCriteria internal criteria;
    VerdictCourt internal court;

    uint256[] internal committeeKeys;
    uint256[] internal reviewerKeys;
    Committee internal committee;
    Committee internal reviewers;

    function deployEconomy() internal {
        vm.warp(1_800_000_000);
        authority = new AccessManager(address(this));
        token = new AssayToken(address(this));
        address[] memory anybody = new address[](1);
        timelock = new TimelockController(2 days, new address[](0), anybody, address(this));
        governor = new AssayGovernor(token, timelock, 1 days, 3 days, 100_000e18, 4, 1 days);
        registry = new ProviderRegistry();
        vault = new StakeVault(address(authority), token, registry);
        criteria = new QualityCriteria(address(authority));
        court = new VerdictCourt(address(authority), vault, registry, criteria, address(timelock), defaults());

        allow(address(court));
        criteria.set(CONTRACT, terms());
        for (uint256 i = 1; i <= 5; ++i) committeeKeys.push(i);
        for (uint256 i = 11; i <= 19; ++i) reviewerKeys.push(i);
        sortByAddress(committeeKeys);
        sortByAddress(reviewerKeys);
        committee = committeeOf(committeeKeys, 3);
        reviewers = committeeOf(reviewerKeys, 3);
        court.setCommittee(committee);
        court.setReviewers(reviewers);

        timelock.grantRole(timelock.PROPOSER_ROLE(), address(governor));
        timelock.grantRole(timelock.CANCELLER_ROLE(), address(governor));
        timelock.renounceRole(timelock.DEFAULT_ADMIN_ROLE(), address(this));
    }

    /// Until here this contract is the manager's admin; now the timelock is, and nobody else.
    function handOver() internal {
        authority.grantRole(0, address(timelock), 0);
        authority.renounceRole(0, address(this));
    }

    /// A contract that may lock, seize and pay.
    function allow(address court_) internal {
        bytes4[] memory functions = new bytes4[](8);
        functions[0] = vault.lock.selector;
        functions[1] = vault.unlock.selector;
        functions[2] = vault.seize.selector;
        functions[3] = vault.collect.selector;
        functions[4] = vault.pay.selector;
        functions[5] = vault.burn.selector;
        functions[6] = vault.reward.selector;
        functions[7] = vault.reserve.selector;
        authority.setTargetFunctionRole(address(vault), functions, COURT_ROLE);
        authority.grantRole(COURT_ROLE, court_, 0);
    }

    function defaults() internal pure returns (VerdictCourt.Parameters memory) {
        return VerdictCourt.Parameters({
            challengeBond: 100e18,
            rulingSeconds: 2 days,
            appealSeconds: 2 days,
            burnBps: 5_000,
            challengerBps: 3_000,
            feeBps: 1_000
        });
    }

    function terms() internal pure returns (Criteria memory) {
        return Criteria({
            requiredLevel: 2,
            disputeSeconds: 1 days,
            samplingPpm: 20_000,
            maxStalenessSeconds: 1 hours,
            maxDeviationBps: 100,
            decimals: 8,
            stakeAtRisk: 1_000e18,
            rewardPerObservation: 1e18,
            minimum: 1,
            maximum: 1_000_000e8
        });
    }

    /// A provider with stake, whose controller is the account.
    function provider(address controller, uint128 stake) internal returns (bytes32 providerId) {
        vm.prank(controller);
        providerId = registry.register("did:example:provider");
        if (stake == 0) return providerId;
        token.approve(address(vault), stake);
        vault.stake(providerId, stake);
    }

    /// An account with tokens that the vault may take.
    function funded(address account, uint256 amount) internal returns (address) {
        token.transfer(account, amount);
        vm.prank(account);
        token.approve(address(vault), type(uint256).max);
        return account;
    }

    // --------------------------------------------------------------------------------------------- signatures

    function committeeOf(uint256[] memory keys, uint8 threshold) internal pure returns (Committee memory made) {
        address[] memory members = new address[](keys.length);
        for (uint256 i = 0; i < keys.length; ++i) members[i] = vm.addr(keys[i]);
        return Committee({epoch: 1, threshold: threshold, members: members});
    }

    /// Signatures by the first `count` members.
    function signed(uint256[] memory keys, uint256 count, bytes32 digest) internal pure returns (Signatures memory) {
        bytes32[2][] memory rvs = new bytes32[2][](count);
        for (uint256 i = 0; i < count; ++i) rvs[i] = compact(keys[i], digest);
        return Signatures({signers: (1 << count) - 1, rvs: rvs});
    }

    function compact(uint256 key, bytes32 digest) internal pure returns (bytes32[2] memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return [r, bytes32(uint256(s) | (uint256(v - 27) << 255))];
    }

    function sortByAddress(uint256[] storage keys) internal {
        for (uint256 i = 1; i < keys.length; ++i)
            for (uint256 k = i; k > 0 && vm.addr(keys[k]) < vm.addr(keys[k - 1]); --k)
                (keys[k], keys[k - 1]) = (keys[k - 1], keys[k]);
    }

    // ------------------------------------------------------------------------------------------------ verdicts

    /// A batch of one verdict, posted by the committee.
    function postOne(bytes32 providerId, bytes32 subject, uint8 decision) internal returns (VerdictProof memory) {
        return postOne(CONTRACT, providerId, subject, decision);
    }

    function postOne(bytes32 contractDigest, bytes32 providerId, bytes32 subject, uint8 decision)
        internal
        returns (VerdictProof memory proof)
    {
        Verdict memory verdict = Verdict({
            subject: subject,
            providerId: providerId,
            statement: keccak256(abi.encode(subject)),
            decision: decision,
            level: 3
        });
        proof.verdict = verdict;
        proof.batch = VerdictBatch({
            contractDigest: contractDigest,
            root: leafOf(verdict),
            count: 1,
            madeAt: uint48(block.timestamp)
        });
        post(proof.batch);
    }

    function post(VerdictBatch memory batch) internal {
        court.post(batch, committee, signed(committeeKeys, 3, court.batchDigest(batch, 1)));
    }

    function leafOf(Verdict memory verdict) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(bytes1(0), abi.encode(verdict)));
    }

    function rule(VerdictProof memory proof, uint8 decision) internal {
        bytes32 caseId = caseOf(proof);
        (,,, uint8 round,,,,) = court.cases(caseId);
        bytes32 digest = court.rulingDigest(caseId, proof, round, decision, "reasons", 1);
        court.rule(proof, decision, "reasons", reviewers, signed(reviewerKeys, 3 + 2 * uint256(round), digest));
    }

    function caseOf(VerdictProof memory proof) internal pure returns (bytes32) {
        return keccak256(abi.encode(proof.batch, proof.verdict));
    }
}
