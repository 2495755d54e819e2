// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {IProviderRegistry, IStakeVault} from "./IStakeVault.sol";
import {QualityCriteria} from "./QualityCriteria.sol";
import {Committee, Quorum, Signatures} from "./Quorum.sol";
import {Rfc9162} from "./Rfc9162.sol";

/// @notice Many verdicts under one data contract, as the committee signs them.
struct VerdictBatch {
    /// SHA-256 of the data contract's ODCS document.
    bytes32 contractDigest;
    /// RFC 9162 root over the verdicts' leaf hashes.
    bytes32 root;
    /// Number of verdicts, at least 1.
    uint64 count;
    /// When the committee decided, in seconds since the epoch.
    uint48 madeAt;
}

/// @notice One verdict. Its leaf hash is SHA-256(0x00 ‖ abi.encode(verdict)).
struct Verdict {
    /// Digest of the observation.
    bytes32 subject;
    /// Who provided it (ProviderRegistry).
    bytes32 providerId;
    /// Leaf hash of the verdict's statement in the log, where its findings are.
    bytes32 statement;
    /// 1 accept, 2 flag, 3 reject.
    uint8 decision;
    /// Level that the observation reached, 0 to 5.
    uint8 level;
}

/// @notice A verdict together with its proof.
struct VerdictProof {
    VerdictBatch batch;
    Verdict verdict;
    uint64 index;
    bytes32[] path;
}

/// @title VerdictCourt
/// @notice A committee posts verdicts; each can be challenged for a while with a bond; reviewers rule; a ruling can be
///         appealed with a bond twice as large, three times; then the case is settled, once: who was wrong pays, and
///         part of what he pays is destroyed, so that nobody gains by playing both sides. What nobody rules on in
///         time ends without a verdict, and everybody gets back what he put in.
/// @dev The vault holds all money. Nothing here calls anybody but the vault, the registry and the criteria.
contract VerdictCourt is AccessManaged, EIP712, Pausable {
    enum Phase {
        /// No such case.
        None,
        /// Reviewers have until the deadline.
        Ruling,
        /// There is a ruling, which can be appealed until the deadline.
        Appealable,
        /// Ended with a verdict.
        Settled,
        /// Ended without one.
        Unresolved
    }

    struct Parameters {
        /// Bond of a challenge, in the token's smallest unit; appeal k costs 2^k times as much.
        uint128 challengeBond;
        /// Time for reviewers to rule, in seconds.
        uint32 rulingSeconds;
        /// Time to appeal a ruling, in seconds.
        uint32 appealSeconds;
        /// Part of every lost bond and every slash that is destroyed, in basis points.
        uint16 burnBps;
        /// Part of a slash that the challenger gets, in basis points.
        uint16 challengerBps;
        /// Part of a reward that the treasury gets, in basis points.
        uint16 feeBps;
    }

    struct Case {
        address challenger;
        uint48 deadline;
        Phase phase;
        /// Appeals so far.
        uint8 appeals;
        /// What the challenger says it should have been, and what the reviewers said last (0 nothing yet).
        uint8 claimed;
        uint8 ruling;
        uint128 bond;
        /// Provider's stake that the case holds.
        uint128 atRisk;
    }

    struct Appeal {
        address by;
        /// The ruling that was appealed.
        uint8 against;
        uint128 bond;
    }

    struct Final {
        uint8 decision;
        uint8 level;
        uint48 finalAt;
    }

    /// @notice Appeals that a case can see.
    uint8 public constant MAX_APPEALS = 3;
    /// @notice How old a verdict may be when it is posted, in seconds.
    uint48 public constant MAX_AGE_SECONDS = 3 days;
    /// @notice Least part of a lost bond or a slash that is destroyed: what it costs to play both sides.
    uint16 public constant MIN_BURN_BPS = 1_000;
    /// @notice Largest fee on a reward.
    uint16 public constant MAX_FEE_BPS = 5_000;
    /// @notice Shortest time for a ruling or an appeal, in seconds.
    uint32 public constant MIN_SECONDS = 10 minutes;
    uint16 internal constant BPS = 10_000;
    uint8 internal constant ACCEPT = 1;
    uint8 internal constant REJECT = 3;

    /// @notice EIP-712 type of what the committee signs.
    bytes32 public constant BATCH_TYPEHASH =
        keccak256("VerdictBatch(bytes32 contractDigest,bytes32 root,uint64 count,uint48 madeAt,uint64 epoch)");
    /// @notice EIP-712 type of what reviewers sign.
    bytes32 public constant RULING_TYPEHASH = keccak256(
        "Ruling(bytes32 caseId,bytes32 contractDigest,bytes32 subject,"
        "uint8 round,uint8 decision,bytes32 reasons,uint64 epoch)"
    );

    IStakeVault public immutable vault;
    IProviderRegistry public immutable registry;
    QualityCriteria public immutable criteria;
    /// @notice Gets fees and what is left of a slash.
    address public immutable treasury;

    Parameters public parameters;
    /// @notice Hash and epoch of the committee that posts verdicts.
    bytes32 public committeeHash;
    /// @notice Hash of the reviewers who rule on cases.
    bytes32 public reviewersHash;
    uint64 public committeeEpoch;
    uint64 public reviewersEpoch;

    /// @notice Until when a batch can be challenged, in seconds since the epoch; 0 when it was never posted.
    mapping(bytes32 batchId => uint48) public challengeableUntil;
    mapping(bytes32 caseId => Case) public cases;
    mapping(bytes32 caseId => Appeal[MAX_APPEALS]) internal appeals;
    mapping(bytes32 contractDigest => mapping(bytes32 subject => Final)) internal finals;

    event ParametersSet(Parameters parameters);
    event CommitteeSet(uint64 indexed epoch, uint8 threshold, address[] members);
    event ReviewersSet(uint64 indexed epoch, uint8 threshold, address[] members);
    event VerdictsPosted(
        bytes32 indexed batchId,
        bytes32 indexed contractDigest,
        VerdictBatch batch,
        uint64 epoch,
        uint48 challengeableUntil
    );
    event VerdictChallenged(
        bytes32 indexed caseId,
        bytes32 indexed providerId,
        address indexed challenger,
        VerdictBatch batch,
        Verdict verdict,
        Case opened,
        bytes32 evidence
    );
    event Ruled(bytes32 indexed caseId, uint8 round, uint8 decision, bytes32 reasons, uint48 appealableUntil);
    event Appealed(
        bytes32 indexed caseId, uint8 round, address indexed by, uint128 bond, uint48 deadline, bytes32 evidence
    );
    event CaseSettled(bytes32 indexed caseId, Phase phase, uint8 decision, uint256 slashed, uint256 burned);
    event VerdictFinal(
        bytes32 indexed contractDigest, bytes32 indexed subject, uint8 decision, uint8 level, bytes32 indexed providerId
    );

    error BondZero();
    error ShareOutside(uint256 least, uint256 most, uint256 given);
    /// @notice A dispute with all its appeals must end before stake can leave, in seconds.
    error TimesTooLong(uint256 most, uint256 given);
    error TimesTooShort(uint256 least, uint256 given);
    error EpochUnexpected(uint64 expected, uint64 given);
    error ContractNotInForce(bytes32 contractDigest);
    error BatchEmpty();
    error MadeAtOutside(uint48 earliest, uint48 latest, uint48 given);
    error AlreadyPosted(bytes32 batchId);
    error NotPosted(bytes32 batchId);
    error NotInBatch(bytes32 batchId, uint64 index);
    error DecisionUnknown(uint8 decision);
    error ChallengeOver(uint48 challengeableUntil);
    error StillChallengeable(uint48 challengeableUntil);
    error CaseExists(bytes32 caseId);
    error CasePhase(bytes32 caseId, Phase phase);
    error SelfChallenge(address controller);
    error NothingClaimed(uint8 decision);
    error DeadlinePassed(uint48 deadline);
    error DeadlineAhead(uint48 deadline);
    error NoMoreAppeals(uint8 most);
    error ReviewerIsParty(address reviewer);
    error AlreadyFinal(bytes32 contractDigest, bytes32 subject);

    constructor(
        address authority,
        IStakeVault vault_,
        IProviderRegistry registry_,
        QualityCriteria criteria_,
        address treasury_,
        Parameters memory parameters_
    ) AccessManaged(authority) EIP712("Assay VerdictCourt", "1") {
        vault = vault_;
        registry = registry_;
        criteria = criteria_;
        treasury = treasury_;
        _setParameters(parameters_);
    }

    // ---------------------------------------------------------------------------------------------- governance

    /// @notice Sets bonds, times and shares. A case keeps its bonds and its running deadline; shares and later
    ///         times follow what is in force when they are used.
    function setParameters(Parameters calldata parameters_) external restricted {
        _setParameters(parameters_);
    }

    /// @notice Names the committee that posts verdicts. Its epoch is one more than the last.
    function setCommittee(Committee calldata committee) external restricted {
        committeeHash = Quorum.validated(committee);
        if (committee.epoch != ++committeeEpoch) revert EpochUnexpected(committeeEpoch, committee.epoch);
        emit CommitteeSet(committee.epoch, committee.threshold, committee.members);
    }

    /// @notice Names the reviewers who rule on cases, open ones too. Their epoch is one more than the last.
    function setReviewers(Committee calldata reviewers) external restricted {
        reviewersHash = Quorum.validated(reviewers);
        if (reviewers.epoch != ++reviewersEpoch) revert EpochUnexpected(reviewersEpoch, reviewers.epoch);
        emit ReviewersSet(reviewers.epoch, reviewers.threshold, reviewers.members);
    }

    /// @notice Stops new verdicts from being posted; whatever is under way goes on, and no money is held up.
    function pause() external restricted {
        _pause();
    }

    function unpause() external restricted {
        _unpause();
    }

    // ------------------------------------------------------------------------------------------------ verdicts

    /// @notice Posts verdicts that the committee signed. Anybody may carry them here.
    /// @return batchId keccak256(abi.encode(batch))
    function post(VerdictBatch calldata batch, Committee calldata committee, Signatures calldata signatures)
        external
        whenNotPaused
        returns (bytes32 batchId)
    {
        (bool inForce,, uint32 disputeSeconds,,) = criteria.termsOf(batch.contractDigest);
        if (!inForce) revert ContractNotInForce(batch.contractDigest);
        if (batch.count == 0) revert BatchEmpty();
        uint48 nowSeconds = uint48(block.timestamp);
        uint48 earliest = nowSeconds > MAX_AGE_SECONDS ? nowSeconds - MAX_AGE_SECONDS : 0;
        if (batch.madeAt < earliest || batch.madeAt > nowSeconds)
            revert MadeAtOutside(earliest, nowSeconds, batch.madeAt);
        batchId = keccak256(abi.encode(batch));
        if (challengeableUntil[batchId] != 0) revert AlreadyPosted(batchId);
        Quorum.check(committeeHash, committee, committee.threshold, batchDigest(batch, committee.epoch), signatures);
        uint48 until = nowSeconds + disputeSeconds;
        challengeableUntil[batchId] = until;
        emit VerdictsPosted(batchId, batch.contractDigest, batch, committee.epoch, until);
    }

    /// @notice Makes a verdict final that nobody challenged in time, and rewards the provider of accepted data.
    function finalise(VerdictProof calldata proof) external {
        (uint48 until, bytes32 caseId) = _proven(proof);
        if (block.timestamp <= until) revert StillChallengeable(until);
        Phase phase = cases[caseId].phase;
        if (phase != Phase.None) revert CasePhase(caseId, phase);
        Verdict calldata verdict = proof.verdict;
        if (!_makeFinal(proof.batch.contractDigest, verdict, verdict.decision, verdict.level))
            revert AlreadyFinal(proof.batch.contractDigest, verdict.subject);
        if (verdict.decision == ACCEPT) _reward(proof.batch.contractDigest, verdict.providerId);
    }

    // ------------------------------------------------------------------------------------------------ disputes

    /// @notice Says that a verdict is wrong, against a bond. A verdict sees one case: who knows better joins by
    ///         appealing its ruling.
    /// @param claimed What the decision should have been: 1 accept, 2 flag, 3 reject.
    /// @param evidence Digest of what the reviewers should read.
    function challenge(VerdictProof calldata proof, uint8 claimed, bytes32 evidence)
        external
        returns (bytes32 caseId)
    {
        uint48 until;
        (until, caseId) = _proven(proof);
        if (block.timestamp > until) revert ChallengeOver(until);
        if (cases[caseId].phase != Phase.None) revert CaseExists(caseId);
        Verdict calldata verdict = proof.verdict;
        if (claimed == 0 || claimed > REJECT) revert DecisionUnknown(claimed);
        if (claimed == verdict.decision) revert NothingClaimed(claimed);
        // A provider may defend data that was flagged or rejected. Accusing its own would only keep others out.
        bool accuses = claimed > verdict.decision;
        if (accuses && msg.sender == registry.controllerOf(verdict.providerId)) revert SelfChallenge(msg.sender);

        Case memory opened;
        opened.challenger = msg.sender;
        opened.deadline = uint48(block.timestamp) + parameters.rulingSeconds;
        opened.phase = Phase.Ruling;
        opened.claimed = claimed;
        opened.bond = parameters.challengeBond;
        if (accuses) {
            (,,, uint128 stakeAtRisk,) = criteria.termsOf(proof.batch.contractDigest);
            opened.atRisk = uint128(vault.lock(verdict.providerId, stakeAtRisk));
        }
        cases[caseId] = opened;
        emit VerdictChallenged(caseId, verdict.providerId, msg.sender, proof.batch, verdict, opened, evidence);
        vault.collect(msg.sender, opened.bond, caseId);
    }

    /// @notice Records what the reviewers decided. Each appeal asks for two more of them, as far as there are.
    /// @param reasons Digest of their signed reasons.
    function rule(
        VerdictProof calldata proof,
        uint8 decision,
        bytes32 reasons,
        Committee calldata reviewers,
        Signatures calldata signatures
    ) external {
        bytes32 caseId = _caseIdOf(proof);
        Case storage case_ = cases[caseId];
        if (case_.phase != Phase.Ruling) revert CasePhase(caseId, case_.phase);
        if (block.timestamp > case_.deadline) revert DeadlinePassed(case_.deadline);
        if (decision == 0 || decision > REJECT) revert DecisionUnknown(decision);
        uint256 needed = uint256(reviewers.threshold) + 2 * case_.appeals;
        if (needed > reviewers.members.length) needed = reviewers.members.length;
        bytes32 digest = rulingDigest(caseId, proof, case_.appeals, decision, reasons, reviewers.epoch);
        Quorum.check(reviewersHash, reviewers, needed, digest, signatures);
        _requireNoParty(case_, appeals[caseId], proof.verdict.providerId, reviewers, signatures);

        case_.ruling = decision;
        case_.phase = Phase.Appealable;
        // After the last appeal nothing is left to wait for.
        uint48 deadline = uint48(block.timestamp);
        if (case_.appeals < MAX_APPEALS) deadline += parameters.appealSeconds;
        case_.deadline = deadline;
        emit Ruled(caseId, case_.appeals, decision, reasons, deadline);
    }

    /// @notice Asks for another ruling by more reviewers, against a bond twice as large as the one before.
    function appeal(VerdictProof calldata proof, bytes32 evidence) external {
        bytes32 caseId = _caseIdOf(proof);
        Case storage case_ = cases[caseId];
        if (case_.phase != Phase.Appealable) revert CasePhase(caseId, case_.phase);
        uint8 round = case_.appeals;
        if (round == MAX_APPEALS) revert NoMoreAppeals(MAX_APPEALS);
        if (block.timestamp > case_.deadline) revert DeadlinePassed(case_.deadline);
        uint128 bond = case_.bond << (round + 1);
        appeals[caseId][round] = Appeal({by: msg.sender, against: case_.ruling, bond: bond});
        case_.appeals = round + 1;
        case_.phase = Phase.Ruling;
        case_.deadline = uint48(block.timestamp) + parameters.rulingSeconds;
        emit Appealed(caseId, round + 1, msg.sender, bond, case_.deadline, evidence);
        vault.collect(msg.sender, bond, caseId);
    }

    /// @notice Ends a case whose time is over. Anybody may; it never depends on the parties.
    function settle(VerdictProof calldata proof) external {
        bytes32 caseId = _caseIdOf(proof);
        Case memory case_ = cases[caseId];
        if (case_.phase != Phase.Ruling && case_.phase != Phase.Appealable) revert CasePhase(caseId, case_.phase);
        bool lastRound = case_.phase == Phase.Appealable && case_.appeals == MAX_APPEALS;
        if (!lastRound && block.timestamp <= case_.deadline) revert DeadlineAhead(case_.deadline);

        Phase phase = case_.ruling == 0 ? Phase.Unresolved : Phase.Settled;
        cases[caseId].phase = phase;
        (uint256 slashed, uint256 burned) = _distribute(caseId, case_, proof.verdict);
        emit CaseSettled(caseId, phase, case_.ruling, slashed, burned);
        if (case_.ruling != 0) {
            // A ruling that accepts is a human auditor's: level 5. What is not accepted keeps no level.
            _makeFinal(proof.batch.contractDigest, proof.verdict, case_.ruling, case_.ruling == ACCEPT ? 5 : 0);
        }
    }

    // ------------------------------------------------------------------------------------------------- reading

    /// @notice The final verdict on an observation under a data contract; decision 0 while there is none.
    /// @return decision 1 accept, 2 flag, 3 reject.
    /// @return level 0 to 5.
    /// @return finalAt Seconds since the epoch.
    function verdictOf(bytes32 contractDigest, bytes32 subject)
        external
        view
        returns (uint8 decision, uint8 level, uint48 finalAt)
    {
        Final storage final_ = finals[contractDigest][subject];
        return (final_.decision, final_.level, final_.finalAt);
    }

    /// @notice The appeals of a case; those that were not made are zero.
    function appealsOf(bytes32 caseId) external view returns (Appeal[MAX_APPEALS] memory) {
        return appeals[caseId];
    }

    /// @notice What the committee signs for a batch.
    function batchDigest(VerdictBatch calldata batch, uint64 epoch) public view returns (bytes32) {
        return _hashTypedDataV4(
            keccak256(
                abi.encode(BATCH_TYPEHASH, batch.contractDigest, batch.root, batch.count, batch.madeAt, epoch)
            )
        );
    }

    /// @notice What reviewers sign for a ruling.
    function rulingDigest(
        bytes32 caseId,
        VerdictProof calldata proof,
        uint8 round,
        uint8 decision,
        bytes32 reasons,
        uint64 epoch
    ) public view returns (bytes32) {
        return _hashTypedDataV4(
            keccak256(
                abi.encode(
                    RULING_TYPEHASH,
                    caseId,
                    proof.batch.contractDigest,
                    proof.verdict.subject,
                    round,
                    decision,
                    reasons,
                    epoch
                )
            )
        );
    }

    // -------------------------------------------------------------------------------------------------- inside

    /// @dev Who was right gets his bonds back and the rest of the other side's. Without a ruling everybody gets
    ///      back what he put in.
    function _distribute(bytes32 caseId, Case memory case_, Verdict calldata verdict)
        internal
        returns (uint256 slashed, uint256 burned)
    {
        Parameters memory now_ = parameters;
        // Only the direction counts: who claims too little cannot shield a provider from what reviewers find.
        bool accuses = case_.claimed > verdict.decision;
        bool ruled = case_.ruling != 0;
        bool won = ruled && (accuses ? case_.ruling > verdict.decision : case_.ruling < verdict.decision);
        address winner = won ? case_.challenger : accuses ? registry.controllerOf(verdict.providerId) : treasury;
        if (winner == address(0)) winner = treasury;

        if (won && case_.ruling == REJECT) {
            slashed = case_.atRisk;
            vault.seize(verdict.providerId, slashed, caseId);
            burned = _burn(caseId, slashed * now_.burnBps / BPS);
            uint256 share = slashed * now_.challengerBps / BPS;
            vault.pay(caseId, case_.challenger, share);
            vault.pay(caseId, treasury, slashed - burned - share);
        } else if (case_.atRisk > 0) {
            vault.unlock(verdict.providerId, case_.atRisk);
        }
        if (ruled && !won) burned += _forfeit(caseId, case_.bond, winner, now_.burnBps);
        else vault.pay(caseId, case_.challenger, case_.bond);

        for (uint256 i = 0; i < case_.appeals; ++i) {
            Appeal memory appeal_ = appeals[caseId][i];
            // Nobody answered the last one when the case ends while it waits for a ruling.
            bool unanswered = i + 1 == case_.appeals && case_.phase == Phase.Ruling;
            if (!unanswered && appeal_.against == case_.ruling)
                burned += _forfeit(caseId, appeal_.bond, winner, now_.burnBps);
            else vault.pay(caseId, appeal_.by, appeal_.bond);
        }
    }

    function _forfeit(bytes32 caseId, uint256 bond, address winner, uint16 burnBps) internal returns (uint256 burned) {
        burned = _burn(caseId, bond * burnBps / BPS);
        vault.pay(caseId, winner, bond - burned);
    }

    function _burn(bytes32 caseId, uint256 amount) internal returns (uint256) {
        vault.burn(caseId, amount);
        return amount;
    }

    function _reward(bytes32 contractDigest, bytes32 providerId) internal {
        (,,,, uint128 amount) = criteria.termsOf(contractDigest);
        address controller = registry.controllerOf(providerId);
        if (amount == 0 || controller == address(0)) return;
        uint256 fee = uint256(amount) * parameters.feeBps / BPS;
        vault.reward(controller, amount - fee);
        if (fee > 0) vault.reward(treasury, fee);
    }

    /// @dev False when there is a final verdict already: it stays.
    function _makeFinal(bytes32 contractDigest, Verdict calldata verdict, uint8 decision, uint8 level)
        internal
        returns (bool)
    {
        Final storage final_ = finals[contractDigest][verdict.subject];
        if (final_.decision != 0) return false;
        (final_.decision, final_.level, final_.finalAt) = (decision, level, uint48(block.timestamp));
        emit VerdictFinal(contractDigest, verdict.subject, decision, level, verdict.providerId);
        return true;
    }

    /// @dev The batch was posted and holds the verdict.
    function _proven(VerdictProof calldata proof) internal view returns (uint48 until, bytes32 caseId) {
        bytes32 batchId = keccak256(abi.encode(proof.batch));
        until = challengeableUntil[batchId];
        if (until == 0) revert NotPosted(batchId);
        Verdict calldata verdict = proof.verdict;
        if (verdict.decision == 0 || verdict.decision > REJECT) revert DecisionUnknown(verdict.decision);
        bytes32 leaf = Rfc9162.leafHash(abi.encode(verdict));
        if (!Rfc9162.verifyInclusion(leaf, proof.index, proof.batch.count, proof.path, proof.batch.root))
            revert NotInBatch(batchId, proof.index);
        caseId = _caseIdOf(proof);
    }

    /// @dev Commits to the batch and the verdict, so that what opened a case is what everything later speaks of.
    function _caseIdOf(VerdictProof calldata proof) internal pure returns (bytes32) {
        return keccak256(abi.encode(proof.batch, proof.verdict));
    }

    /// @dev Nobody judges his own case: not the challenger, not the provider, not an appellant.
    function _requireNoParty(
        Case storage case_,
        Appeal[MAX_APPEALS] storage appeals_,
        bytes32 providerId,
        Committee calldata reviewers,
        Signatures calldata signatures
    ) internal view {
        address[5] memory parties;
        parties[0] = case_.challenger;
        parties[1] = registry.controllerOf(providerId);
        for (uint256 k = 0; k < case_.appeals; ++k) parties[2 + k] = appeals_[k].by;
        for (uint256 i = 0; i < reviewers.members.length; ++i) {
            if ((signatures.signers >> i) & 1 == 0) continue;
            for (uint256 k = 0; k < 2 + uint256(case_.appeals); ++k)
                if (reviewers.members[i] == parties[k]) revert ReviewerIsParty(parties[k]);
        }
    }

    function _setParameters(Parameters memory parameters_) internal {
        if (parameters_.challengeBond == 0) revert BondZero();
        // The last appeal's bond, eight times the first, must fit as well.
        uint128 most = type(uint128).max >> MAX_APPEALS;
        if (parameters_.challengeBond > most) revert ShareOutside(1, most, parameters_.challengeBond);
        if (parameters_.burnBps < MIN_BURN_BPS || parameters_.burnBps > BPS)
            revert ShareOutside(MIN_BURN_BPS, BPS, parameters_.burnBps);
        if (uint256(parameters_.challengerBps) + parameters_.burnBps > BPS)
            revert ShareOutside(0, BPS - parameters_.burnBps, parameters_.challengerBps);
        if (parameters_.feeBps > MAX_FEE_BPS) revert ShareOutside(0, MAX_FEE_BPS, parameters_.feeBps);
        if (parameters_.rulingSeconds < MIN_SECONDS) revert TimesTooShort(MIN_SECONDS, parameters_.rulingSeconds);
        if (parameters_.appealSeconds < MIN_SECONDS) revert TimesTooShort(MIN_SECONDS, parameters_.appealSeconds);
        uint256 longest = uint256(MAX_AGE_SECONDS) + criteria.MAX_DISPUTE_SECONDS()
            + uint256(parameters_.rulingSeconds) * (MAX_APPEALS + 1) + uint256(parameters_.appealSeconds) * MAX_APPEALS;
        if (longest >= vault.unbondingSeconds()) revert TimesTooLong(vault.unbondingSeconds(), longest);
        parameters = parameters_;
        emit ParametersSet(parameters_);
    }
}
