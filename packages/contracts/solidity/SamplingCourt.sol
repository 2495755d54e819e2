// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IRandomnessBeacon} from "./IRandomnessBeacon.sol";
import {IProviderRegistry, IStakeVault} from "./IStakeVault.sol";
import {QualityCriteria} from "./QualityCriteria.sol";
import {Committee, Quorum, Signatures} from "./Quorum.sol";
import {Rfc9162} from "./Rfc9162.sol";

/// @title SamplingCourt
/// @notice Makes it unprofitable to claim the result of a computation that was not done. A provider commits to an
///         output; only then is it drawn whether, and by whom, the task is computed again. Validators commit to what
///         they found before anybody reveals. Where not all agree, or somebody stays silent, reviewers say what is
///         right. Who was wrong or silent loses his stake; part of it is destroyed.
/// @dev Proof of Sampling, after arXiv 2405.00295; the bound that terms must satisfy is derived in docs/economics.md.
///      A task is asked for and paid by a requester, who may be the provider himself: the bound does not count on
///      the reward for honesty's sake. Terms, validators and rate of a task are those in force when it was committed.
contract SamplingCourt is AccessManaged, EIP712 {
    /// @notice What sampling costs and threatens under one data contract. Amounts are in the token's smallest unit.
    struct Terms {
        /// C: most that one computation of a task costs.
        uint96 computeCost;
        /// B: most that a lie that passes is worth to whoever tells it. It counts as kept even by who is caught.
        uint96 lieGain;
        /// R_A: paid to the provider for a right output.
        uint96 providerReward;
        /// R_V: paid to all validators of a task together, when it is drawn.
        uint96 validatorsReward;
        /// S: what a provider loses.
        uint96 providerStake;
        /// What a validator loses.
        uint96 validatorStake;
        /// p: share of tasks that is computed again, in parts per million.
        uint32 samplingPpm;
        /// Share of drawn tasks whose output is wrong on purpose, in parts per million: it catches validators who
        /// repeat what they were told. Reviewers plant them.
        uint32 plantedPpm;
        /// Time for each step, in seconds: the provider's commitment, the draw, the checks, the reveals.
        uint32 stepSeconds;
        /// Time for reviewers to rule after the reveals, in seconds.
        uint32 rulingSeconds;
        /// r: share of validators that may collude with a provider, in basis points.
        uint16 colludingBps;
        /// Part of what is lost that is destroyed, in basis points; the treasury gets the rest.
        uint16 burnBps;
        /// n: validators drawn for a task.
        uint8 validators;
    }

    enum Phase {
        None,
        /// Paid for; the provider has until the deadline to commit.
        Requested,
        /// Committed; waits for its draw.
        Committed,
        /// Not drawn: the provider reveals.
        Unsampled,
        /// Drawn: checks, then reveals, then rulings.
        Sampled,
        /// The output stands.
        Accepted,
        /// The provider was wrong, or silent although drawn.
        Rejected,
        /// Planted by reviewers; says nothing about the provider.
        Planted,
        /// Nobody found out. It is not verified.
        Unresolved,
        /// The provider never committed; it can be requested again.
        Expired
    }

    // solhint-disable-next-line gas-struct-packing
    struct Task {
        bytes32 contractDigest;
        bytes32 providerId;
        address requester;
        /// When the phase began, in seconds since the epoch.
        uint48 since;
        Phase phase;
        bool revealed;
        bool planted;
        /// Reviewers who signed the ruling in force; 0 while there is none.
        uint8 ruledBy;
        /// Revision of the contract's terms.
        uint32 revision;
        /// Rate of the draw, in parts per million.
        uint32 ratePpm;
        /// Round of the beacon that draws.
        uint64 round;
        uint64 validatorsEpoch;
        /// When the provider committed, in seconds since the epoch.
        uint48 committedAt;
        bytes32 commitment;
        /// What the provider revealed, and what reviewers found right.
        bytes32 output;
        bytes32 ruling;
    }

    /// @notice One validator's part in a task.
    struct Check {
        bytes32 providerId;
        bytes32 commitment;
        bytes32 output;
        uint128 locked;
        bool revealed;
    }

    /// @notice Shows that reviewers planted a task before its output was committed: one leaf of a tree whose root
    ///         they posted. Leaf: SHA-256(0x00 ‖ abi.encode(taskId, right output, salt)).
    struct Plant {
        /// Zero when the task was not planted.
        bytes32 root;
        uint64 index;
        uint64 size;
        bytes32 salt;
        bytes32[] path;
    }

    /// @notice Most validators that are drawn for a task.
    uint256 public constant MAX_DRAWN = 16;
    /// @notice Most validators there are.
    uint256 public constant MAX_VALIDATORS = 64;
    /// @notice Least part of what is lost that is destroyed, in basis points.
    uint16 public constant MIN_BURN_BPS = 1_000;
    /// @notice Shortest and longest time for a step or a ruling, in seconds.
    uint32 public constant MIN_SECONDS = 10 minutes;
    uint32 public constant MAX_SECONDS = 3 days;
    uint256 internal constant BPS = 10_000;
    uint256 internal constant MILLION = 1_000_000;
    uint256 internal constant ONE = 1e18;

    /// @notice EIP-712 type of what reviewers sign.
    bytes32 public constant RULING_TYPEHASH =
        keccak256("Ruling(bytes32 taskId,bytes32 output,bytes32 plants,bytes32 reasons,uint64 epoch)");

    /// @notice EIP-712 type of what reviewers sign to post planted tasks.
    bytes32 public constant PLANTS_TYPEHASH = keccak256("Plants(bytes32 root,uint64 epoch)");

    IStakeVault public immutable vault;
    IProviderRegistry public immutable registry;
    QualityCriteria public immutable criteria;
    IRandomnessBeacon public immutable beacon;
    /// @notice Gets what is lost and not destroyed.
    address public immutable treasury;

    bytes32 public reviewersHash;
    uint64 public reviewersEpoch;
    uint64 public validatorsEpoch;
    /// @notice Number of validators in force.
    uint8 public validatorsCount;
    /// @dev Largest `Terms.validators` ever set: later sets of validators must suffice for it too.
    uint8 internal mostDrawn;

    /// @notice Hash of the validators of an epoch: keccak256(abi.encode(provider ids)).
    mapping(uint64 epoch => bytes32) public validatorsHashOf;
    /// @notice Number of the terms in force under a data contract; 0 when tasks are not sampled there.
    mapping(bytes32 contractDigest => uint32) public revisionOf;
    mapping(bytes32 contractDigest => mapping(uint32 revision => Terms)) internal terms;
    /// @notice When the root of a tree of planted tasks was posted, in seconds since the epoch; 0 when it was not.
    mapping(bytes32 root => uint48) public plantsPostedAt;
    mapping(bytes32 taskId => Task) internal tasks;
    mapping(bytes32 taskId => Check[]) internal checks;

    event TermsSet(bytes32 indexed contractDigest, uint32 indexed revision, Terms terms);
    event ValidatorsSet(uint64 indexed epoch, bytes32[] validators);
    event ReviewersSet(uint64 indexed epoch, uint8 threshold, address[] members);
    event PlantsPosted(bytes32 indexed root);
    event TaskRequested(
        bytes32 indexed taskId,
        bytes32 indexed contractDigest,
        bytes32 indexed providerId,
        bytes32 task,
        address requester,
        uint32 revision
    );
    event OutputCommitted(
        bytes32 indexed taskId, bytes32 commitment, uint64 round, uint64 validatorsEpoch, uint32 ratePpm
    );
    /// @param validators Who has to compute the task again; empty when nobody has.
    event Drawn(bytes32 indexed taskId, bool sampled, bytes32[] validators);
    event CheckCommitted(bytes32 indexed taskId, bytes32 indexed providerId, bytes32 commitment);
    event OutputRevealed(bytes32 indexed taskId, bytes32 indexed providerId, bytes32 output);
    event Ruled(bytes32 indexed taskId, bytes32 output, bool planted, bytes32 reasons, uint256 signed);
    event StakeLost(bytes32 indexed taskId, bytes32 indexed providerId, uint256 amount, bool silent);
    event TaskSettled(bytes32 indexed taskId, Phase phase, bytes32 output, uint256 lost, uint256 burned);

    /// @notice A figure of the terms is outside what is allowed.
    error TermOutside(bytes32 term, uint256 least, uint256 most, uint256 given);
    /// @notice A lie pays: C + B must not exceed p·[(1 − rⁿ)·S − rⁿ·R_V].
    /// @param gained (C + B), in the token's smallest unit.
    /// @param risked Right side, rounded down.
    error LyingPays(uint256 gained, uint256 risked);
    /// @notice Work does not pay for itself: a reward must exceed the cost of computing.
    error WorkUnpaid(bytes32 reward, uint256 cost, uint256 given);
    /// @notice Repeating what one was told pays: C must not exceed q·(R_V/n + validator's stake).
    error LazinessPays(uint256 saved, uint256 risked);
    error ContractNotInForce(bytes32 contractDigest);
    error NotSampled(bytes32 contractDigest);
    error EpochUnexpected(uint64 expected, uint64 given);
    error ValidatorsNumber(uint256 least, uint256 most, uint256 given);
    error ValidatorsUnsorted(uint256 place);
    error ValidatorsUnknown(bytes32 expected, bytes32 given);
    error ProviderUnknown(bytes32 providerId);
    error NotController(bytes32 providerId, address caller);
    error TaskPhase(bytes32 taskId, Phase phase);
    error DeadlinePassed(uint256 deadline);
    error DeadlineAhead(uint256 deadline);
    error CommitmentZero();
    error StakeTooSmall(bytes32 providerId, uint256 needed, uint256 free);
    error RandomnessMissing(uint64 round);
    error NotDrawn(bytes32 taskId, bytes32 providerId);
    error CommittedBefore(bytes32 taskId, bytes32 providerId);
    error RevealedBefore(bytes32 taskId, bytes32 providerId);
    error CommitmentDiffers(bytes32 expected, bytes32 given);
    /// @notice The root was not posted before the provider committed, or has no such leaf.
    error NotPlanted(bytes32 taskId, bytes32 root);
    error AlreadyPosted(bytes32 root);
    /// @notice A ruling is replaced only by one that more reviewers signed.
    error RulingStands(uint256 signed, uint256 given);
    error ReviewerIsParty(address reviewer);

    constructor(
        address authority,
        IStakeVault vault_,
        IProviderRegistry registry_,
        QualityCriteria criteria_,
        IRandomnessBeacon beacon_,
        address treasury_
    ) AccessManaged(authority) EIP712("Assay SamplingCourt", "1") {
        vault = vault_;
        registry = registry_;
        criteria = criteria_;
        beacon = beacon_;
        treasury = treasury_;
    }

    // ---------------------------------------------------------------------------------------------- governance

    /// @notice Sets the terms of a data contract, for tasks requested from now on. Refuses terms under which a lie,
    ///         idleness or repeating others pays.
    function setTerms(bytes32 contractDigest, Terms calldata given) external restricted {
        _requireHonestyPays(given);
        if (given.validators > mostDrawn) {
            if (validatorsCount <= given.validators)
                revert ValidatorsNumber(given.validators + 1, MAX_VALIDATORS, validatorsCount);
            mostDrawn = given.validators;
        }
        uint32 revision = ++revisionOf[contractDigest];
        terms[contractDigest][revision] = given;
        emit TermsSet(contractDigest, revision, given);
    }

    /// @notice Names who may be drawn, by provider id in ascending order: more than any terms draw at once.
    function setValidators(uint64 epoch, bytes32[] calldata validators) external restricted {
        if (epoch != ++validatorsEpoch) revert EpochUnexpected(validatorsEpoch, epoch);
        uint256 count = validators.length;
        if (count <= mostDrawn || count > MAX_VALIDATORS)
            revert ValidatorsNumber(uint256(mostDrawn) + 1, MAX_VALIDATORS, count);
        bytes32 last = 0;
        for (uint256 i = 0; i < count; ++i) {
            if (validators[i] <= last) revert ValidatorsUnsorted(i);
            last = validators[i];
        }
        validatorsCount = uint8(count);
        validatorsHashOf[epoch] = keccak256(abi.encode(validators));
        emit ValidatorsSet(epoch, validators);
    }

    /// @notice Names the reviewers who say what is right, about tasks under way too. Their epoch is one more than
    ///         the last.
    function setReviewers(Committee calldata reviewers) external restricted {
        reviewersHash = Quorum.validated(reviewers);
        if (reviewers.epoch != ++reviewersEpoch) revert EpochUnexpected(reviewersEpoch, reviewers.epoch);
        emit ReviewersSet(reviewers.epoch, reviewers.threshold, reviewers.members);
    }

    // ---------------------------------------------------------------------------------------------------- tasks

    /// @notice Posts the root of a tree of tasks that reviewers will have answered wrongly on purpose. What is in it
    ///         shows when they are opened; a task that is not can never be passed off as planted, and of none can
    ///         anybody show that it is not.
    function postPlants(bytes32 root, Committee calldata reviewers, Signatures calldata signatures) external {
        if (plantsPostedAt[root] != 0) revert AlreadyPosted(root);
        Quorum.check(
            reviewersHash, reviewers, reviewers.threshold, plantsDigest(root, reviewers.epoch), signatures
        );
        plantsPostedAt[root] = uint48(block.timestamp);
        emit PlantsPosted(root);
    }

    /// @notice Asks a provider for a task, and pays: R_A and R_V are held until it is settled.
    /// @param task Digest of what is to be computed: code and inputs. A provider is asked for each task once.
    function request(bytes32 contractDigest, bytes32 task, bytes32 providerId) external returns (bytes32 taskId) {
        (bool inForce,,,,) = criteria.termsOf(contractDigest);
        if (!inForce) revert ContractNotInForce(contractDigest);
        uint32 revision = revisionOf[contractDigest];
        if (revision == 0) revert NotSampled(contractDigest);
        if (registry.controllerOf(providerId) == address(0)) revert ProviderUnknown(providerId);
        taskId = taskIdOf(contractDigest, task, providerId);
        Task storage made = tasks[taskId];
        if (made.phase != Phase.None && made.phase != Phase.Expired) revert TaskPhase(taskId, made.phase);
        made.contractDigest = contractDigest;
        made.providerId = providerId;
        made.requester = msg.sender;
        made.since = uint48(block.timestamp);
        made.phase = Phase.Requested;
        made.revision = revision;
        Terms storage its = terms[contractDigest][revision];
        emit TaskRequested(taskId, contractDigest, providerId, task, msg.sender, revision);
        vault.collect(msg.sender, uint256(its.providerReward) + its.validatorsReward, taskId);
    }

    /// @notice Commits to the output. It is drawn afterwards whether anybody looks.
    /// @param commitment keccak256(abi.encode(taskId, provider id, output, salt)).
    function commit(bytes32 taskId, bytes32 commitment) external {
        Task storage task = _during(taskId, Phase.Requested);
        _requireController(task.providerId);
        if (commitment == 0) revert CommitmentZero();
        uint32 asked = criteria.samplingPpmOf(task.contractDigest);
        Terms storage its = _termsOf(task);
        task.phase = Phase.Committed;
        task.since = uint48(block.timestamp);
        task.committedAt = uint48(block.timestamp);
        task.commitment = commitment;
        task.round = beacon.nextRound();
        task.validatorsEpoch = validatorsEpoch;
        // The data contract may ask for more than what keeps providers honest, never for less.
        task.ratePpm = asked > its.samplingPpm ? asked : its.samplingPpm;
        emit OutputCommitted(taskId, commitment, task.round, task.validatorsEpoch, task.ratePpm);
        uint256 locked = vault.lock(task.providerId, its.providerStake);
        if (locked < its.providerStake) revert StakeTooSmall(task.providerId, its.providerStake, locked);
    }

    /// @notice Draws whether the task is computed again, and by whom. Anybody may call it once the round is known.
    /// @param validators All validators of the task's epoch.
    function draw(bytes32 taskId, bytes32[] calldata validators) external returns (bool sampled) {
        Task storage task = _during(taskId, Phase.Committed);
        bytes32 given = keccak256(abi.encode(validators));
        bytes32 expected = validatorsHashOf[task.validatorsEpoch];
        if (given != expected) revert ValidatorsUnknown(expected, given);
        bytes32 randomness = beacon.randomnessOf(task.round);
        if (randomness == 0) revert RandomnessMissing(task.round);
        uint256 seed = uint256(keccak256(abi.encode(randomness, taskId)));
        sampled = seed % MILLION < task.ratePpm;
        task.since = uint48(block.timestamp);
        task.phase = sampled ? Phase.Sampled : Phase.Unsampled;
        bytes32[] memory drawn = new bytes32[](0);
        if (sampled) {
            Terms storage its = _termsOf(task);
            drawn = _choose(validators, task.providerId, its.validators, seed);
            for (uint256 i = 0; i < drawn.length; ++i) {
                Check storage check = checks[taskId].push();
                check.providerId = drawn[i];
                uint256 locked = vault.lock(drawn[i], its.validatorStake);
                // Whose stake is held by other tasks is excused; reviewers look at the task instead.
                if (locked < its.validatorStake) vault.unlock(drawn[i], locked);
                else check.locked = uint128(locked);
            }
        }
        emit Drawn(taskId, sampled, drawn);
    }

    /// @notice A drawn validator commits to what he found.
    /// @param place His place among the drawn.
    /// @param commitment keccak256(abi.encode(taskId, his provider id, output, salt)).
    function commitCheck(bytes32 taskId, uint256 place, bytes32 commitment) external {
        Task storage task = _during(taskId, Phase.Sampled);
        Check storage check = _checkAt(taskId, place);
        _requireController(check.providerId);
        if (commitment == 0) revert CommitmentZero();
        if (check.commitment != 0) revert CommittedBefore(taskId, check.providerId);
        // Who has nothing to lose is not heard.
        if (check.locked == 0) revert StakeTooSmall(check.providerId, _termsOf(task).validatorStake, 0);
        check.commitment = commitment;
        emit CheckCommitted(taskId, check.providerId, commitment);
    }

    /// @notice The provider reveals the output. When nobody was drawn, that ends the task and pays him.
    function reveal(bytes32 taskId, bytes32 output, bytes32 salt) external {
        Task storage task = tasks[taskId];
        _requireRevealTime(taskId, task);
        if (task.revealed) revert RevealedBefore(taskId, task.providerId);
        _requireCommitted(task.commitment, taskId, task.providerId, output, salt);
        task.revealed = true;
        task.output = output;
        emit OutputRevealed(taskId, task.providerId, output);
        if (task.phase != Phase.Unsampled) return;
        Terms storage its = _termsOf(task);
        task.phase = Phase.Accepted;
        emit TaskSettled(taskId, Phase.Accepted, output, 0, 0);
        vault.unlock(task.providerId, its.providerStake);
        _payProvider(taskId, task.providerId, its.providerReward);
        vault.pay(taskId, task.requester, its.validatorsReward);
    }

    /// @notice A drawn validator reveals what he found.
    function revealCheck(bytes32 taskId, uint256 place, bytes32 output, bytes32 salt) external {
        Task storage task = tasks[taskId];
        if (task.phase != Phase.Sampled) revert TaskPhase(taskId, task.phase);
        _requireRevealTime(taskId, task);
        Check storage check = _checkAt(taskId, place);
        if (check.revealed) revert RevealedBefore(taskId, check.providerId);
        _requireCommitted(check.commitment, taskId, check.providerId, output, salt);
        check.revealed = true;
        check.output = output;
        emit OutputRevealed(taskId, check.providerId, output);
    }

    /// @notice Reviewers say what the output should have been. Until the time for it is over, a ruling that more of
    ///         them signed replaces the one before.
    /// @param output What is right.
    /// @param plant Shows that the task was planted; all zero when it was not.
    /// @param reasons Digest of their signed reasons.
    function rule(
        bytes32 taskId,
        bytes32 output,
        Plant calldata plant,
        bytes32 reasons,
        Committee calldata reviewers,
        Signatures calldata signatures
    ) external {
        Task storage task = tasks[taskId];
        if (task.phase != Phase.Sampled) revert TaskPhase(taskId, task.phase);
        (, uint256 revealUntil, uint256 rulingUntil) = _times(task);
        if (block.timestamp <= revealUntil) revert DeadlineAhead(revealUntil);
        if (block.timestamp > rulingUntil) revert DeadlinePassed(rulingUntil);
        if (plant.root != 0) _requirePlanted(taskId, task, output, plant);
        uint256 signed = signatures.rvs.length;
        if (signed <= task.ruledBy) revert RulingStands(task.ruledBy, signed);
        bytes32 digest = rulingDigest(taskId, output, plant.root, reasons, reviewers.epoch);
        Quorum.check(reviewersHash, reviewers, reviewers.threshold, digest, signatures);
        _requireNoParty(taskId, task, reviewers, signatures);
        task.ruling = output;
        task.planted = plant.root != 0;
        task.ruledBy = uint8(signed);
        emit Ruled(taskId, output, task.planted, reasons, signed);
    }

    /// @notice Ends a task whose time is over. Anybody may; it never depends on the parties.
    function settle(bytes32 taskId) external {
        Task storage task = tasks[taskId];
        Phase phase = task.phase;
        if (phase == Phase.None || phase > Phase.Sampled) revert TaskPhase(taskId, phase);
        Terms storage its = _termsOf(task);
        if (phase == Phase.Sampled) {
            (,, uint256 rulingUntil) = _times(task);
            if (block.timestamp <= rulingUntil) revert DeadlineAhead(rulingUntil);
            _settleSampled(taskId, task, its);
            return;
        }
        uint256 until = uint256(task.since) + its.stepSeconds;
        if (block.timestamp <= until) revert DeadlineAhead(until);
        // Nothing was shown, so nothing is accepted and nobody pays.
        task.phase = phase == Phase.Requested ? Phase.Expired : Phase.Unresolved;
        emit TaskSettled(taskId, task.phase, 0, 0, 0);
        if (phase != Phase.Requested) vault.unlock(task.providerId, its.providerStake);
        vault.pay(taskId, task.requester, uint256(its.providerReward) + its.validatorsReward);
    }

    // -------------------------------------------------------------------------------------------------- reading

    /// @notice All that is known of a task; phase None when there is none.
    function taskOf(bytes32 taskId) external view returns (Task memory) {
        return tasks[taskId];
    }

    /// @notice Until when validators commit, all reveal, and reviewers rule, in seconds since the epoch. Only for a
    ///         task that was drawn.
    function timesOf(bytes32 taskId)
        external
        view
        returns (uint256 checkUntil, uint256 revealUntil, uint256 rulingUntil)
    {
        Task storage task = tasks[taskId];
        if (task.phase != Phase.Sampled) revert TaskPhase(taskId, task.phase);
        return _times(task);
    }

    /// @notice The drawn validators' parts in a task.
    function checksOf(bytes32 taskId) external view returns (Check[] memory) {
        return checks[taskId];
    }

    /// @notice A data contract's terms by revision; all zero where there are none.
    function termsOf(bytes32 contractDigest, uint32 revision) external view returns (Terms memory) {
        return terms[contractDigest][revision];
    }

    /// @notice Id of a task that a provider is asked for.
    function taskIdOf(bytes32 contractDigest, bytes32 task, bytes32 providerId) public view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(this), contractDigest, task, providerId));
    }

    /// @notice What reviewers sign to post planted tasks.
    function plantsDigest(bytes32 root, uint64 epoch) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(PLANTS_TYPEHASH, root, epoch)));
    }

    /// @notice What reviewers sign for a ruling.
    /// @param plants Root of the tree of planted tasks that holds this one; zero when none does.
    function rulingDigest(bytes32 taskId, bytes32 output, bytes32 plants, bytes32 reasons, uint64 epoch)
        public
        view
        returns (bytes32)
    {
        return _hashTypedDataV4(
            keccak256(abi.encode(RULING_TYPEHASH, taskId, output, plants, reasons, epoch))
        );
    }

    /// @notice Right side of the bound: what a lie puts at risk on average, in the token's smallest unit; zero where
    ///         it is negative.
    function riskOfLying(Terms calldata given) public view returns (uint256) {
        uint256 colluding = ONE;
        for (uint256 i = 0; i < given.validators; ++i)
            colluding = Math.mulDiv(colluding, given.colludingBps, BPS, Math.Rounding.Ceil);
        // Chances, in units of 1e18: that a lie is found out, and that friends are paid to pass it.
        uint256 caught = (ONE - colluding) * given.samplingPpm / MILLION;
        uint256 passed = Math.mulDiv(colluding, given.samplingPpm, MILLION, Math.Rounding.Ceil);
        // A proposer who is also the provider draws twice: he is caught only when both draws would catch him.
        if (beacon.biasableByProposer()) (caught, passed) = (caught * caught / ONE, 2 * passed);
        uint256 lost = caught * given.providerStake;
        uint256 kept = passed * given.validatorsReward;
        return lost > kept ? (lost - kept) / ONE : 0;
    }

    // --------------------------------------------------------------------------------------------------- inside

    /// @dev Validators who agree, or the reviewers, say what is right. Silence is a fault whoever was right.
    function _settleSampled(bytes32 taskId, Task storage task, Terms storage its) internal {
        Check[] storage all = checks[taskId];
        uint256 count = all.length;
        bool known = task.ruledBy > 0;
        bytes32 right = task.ruling;
        if (!known) {
            right = task.output;
            known = task.revealed;
            for (uint256 i = 0; i < count; ++i) known = known && all[i].revealed && all[i].output == right;
        }
        bool wrong = !task.revealed || (known && task.output != right);
        if (task.planted) task.phase = Phase.Planted;
        else if (wrong) task.phase = Phase.Rejected;
        else task.phase = known ? Phase.Accepted : Phase.Unresolved;

        uint256 lost = 0;
        uint256 left = uint256(its.providerReward) + its.validatorsReward;
        if (task.phase == Phase.Rejected) {
            lost = _slash(taskId, task.providerId, its.providerStake, !task.revealed);
        } else {
            vault.unlock(task.providerId, its.providerStake);
        }
        if (task.phase == Phase.Accepted) {
            left -= its.providerReward;
            _payProvider(taskId, task.providerId, its.providerReward);
        }
        uint256 share = its.validatorsReward / count;
        for (uint256 i = 0; i < count; ++i) {
            Check storage check = all[i];
            if (check.locked == 0) continue;
            if (!check.revealed || (known && check.output != right)) {
                lost += _slash(taskId, check.providerId, check.locked, !check.revealed);
                continue;
            }
            vault.unlock(check.providerId, check.locked);
            if (!known) continue;
            left -= share;
            _payProvider(taskId, check.providerId, share);
        }
        uint256 burned = lost * its.burnBps / BPS;
        emit TaskSettled(taskId, task.phase, known ? right : bytes32(0), lost, burned);
        vault.burn(taskId, burned);
        vault.pay(taskId, treasury, lost - burned);
        vault.pay(taskId, task.requester, left);
    }

    function _slash(bytes32 taskId, bytes32 providerId, uint256 amount, bool silent) internal returns (uint256) {
        emit StakeLost(taskId, providerId, amount, silent);
        vault.seize(providerId, amount, taskId);
        return amount;
    }

    function _payProvider(bytes32 taskId, bytes32 providerId, uint256 amount) internal {
        vault.pay(taskId, registry.controllerOf(providerId), amount);
    }

    /// @dev The first places of a shuffle (Fisher and Yates) of all validators but the provider himself.
    function _choose(bytes32[] calldata validators, bytes32 providerId, uint256 count, uint256 seed)
        internal
        pure
        returns (bytes32[] memory drawn)
    {
        bytes32[] memory pool = new bytes32[](validators.length);
        uint256 size = 0;
        for (uint256 i = 0; i < validators.length; ++i) {
            if (validators[i] == providerId) continue;
            pool[size] = validators[i];
            ++size;
        }
        drawn = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            uint256 place = i + uint256(keccak256(abi.encode(seed, i))) % (size - i);
            drawn[i] = pool[place];
            pool[place] = pool[i];
        }
    }

    function _times(Task storage task)
        internal
        view
        returns (uint256 checkUntil, uint256 revealUntil, uint256 rulingUntil)
    {
        Terms storage its = _termsOf(task);
        checkUntil = uint256(task.since) + its.stepSeconds;
        revealUntil = checkUntil + its.stepSeconds;
        rulingUntil = revealUntil + its.rulingSeconds;
    }

    /// @dev The task, in a phase whose time is not over.
    function _during(bytes32 taskId, Phase phase) internal view returns (Task storage task) {
        task = tasks[taskId];
        if (task.phase != phase) revert TaskPhase(taskId, task.phase);
        uint256 until = uint256(task.since) + _termsOf(task).stepSeconds;
        if (block.timestamp > until) revert DeadlinePassed(until);
    }

    /// @dev Nobody reveals while a validator can still commit, or he could repeat what he reads.
    function _requireRevealTime(bytes32 taskId, Task storage task) internal view {
        if (task.phase == Phase.Unsampled) {
            _during(taskId, Phase.Unsampled);
            return;
        }
        if (task.phase != Phase.Sampled) revert TaskPhase(taskId, task.phase);
        (uint256 checkUntil, uint256 revealUntil,) = _times(task);
        if (block.timestamp <= checkUntil) revert DeadlineAhead(checkUntil);
        if (block.timestamp > revealUntil) revert DeadlinePassed(revealUntil);
    }

    function _requireCommitted(
        bytes32 expected,
        bytes32 taskId,
        bytes32 providerId,
        bytes32 output,
        bytes32 salt
    ) internal pure {
        bytes32 given = keccak256(abi.encode(taskId, providerId, output, salt));
        if (given != expected) revert CommitmentDiffers(expected, given);
    }

    function _requireController(bytes32 providerId) internal view {
        if (msg.sender != registry.controllerOf(providerId)) revert NotController(providerId, msg.sender);
    }

    function _requirePlanted(bytes32 taskId, Task storage task, bytes32 output, Plant calldata plant) internal view {
        uint48 postedAt = plantsPostedAt[plant.root];
        bytes32 leaf = Rfc9162.leafHash(abi.encode(taskId, output, plant.salt));
        bool held = Rfc9162.verifyInclusion(leaf, plant.index, plant.size, plant.path, plant.root);
        if (postedAt == 0 || postedAt >= task.committedAt || !held) revert NotPlanted(taskId, plant.root);
    }

    /// @dev Nobody judges his own case: not the requester, not the provider, not a validator who was drawn.
    function _requireNoParty(
        bytes32 taskId,
        Task storage task,
        Committee calldata reviewers,
        Signatures calldata signatures
    ) internal view {
        Check[] storage all = checks[taskId];
        uint256 count = all.length;
        address[] memory parties = new address[](count + 2);
        for (uint256 i = 0; i < count; ++i) parties[i] = registry.controllerOf(all[i].providerId);
        parties[count] = registry.controllerOf(task.providerId);
        parties[count + 1] = task.requester;
        for (uint256 i = 0; i < reviewers.members.length; ++i) {
            if ((signatures.signers >> i) & 1 == 0) continue;
            for (uint256 k = 0; k < parties.length; ++k)
                if (reviewers.members[i] == parties[k]) revert ReviewerIsParty(parties[k]);
        }
    }

    function _termsOf(Task storage task) internal view returns (Terms storage) {
        return terms[task.contractDigest][task.revision];
    }

    function _checkAt(bytes32 taskId, uint256 place) internal view returns (Check storage) {
        if (place >= checks[taskId].length) revert NotDrawn(taskId, bytes32(place));
        return checks[taskId][place];
    }

    function _requireHonestyPays(Terms calldata given) internal view {
        _within("validators", 1, MAX_DRAWN, given.validators);
        _within("samplingPpm", 1, MILLION, given.samplingPpm);
        _within("plantedPpm", 0, MILLION, given.plantedPpm);
        _within("colludingBps", 0, BPS, given.colludingBps);
        _within("burnBps", MIN_BURN_BPS, BPS, given.burnBps);
        _within("stepSeconds", MIN_SECONDS, MAX_SECONDS, given.stepSeconds);
        _within("rulingSeconds", MIN_SECONDS, MAX_SECONDS, given.rulingSeconds);
        // Whose stake is zero counts as excused.
        _within("validatorStake", 1, type(uint96).max, given.validatorStake);
        uint256 cost = given.computeCost;
        if (given.providerReward <= cost) revert WorkUnpaid("providerReward", cost, given.providerReward);
        uint256 share = given.validatorsReward / given.validators;
        if (share <= cost) revert WorkUnpaid("validatorsReward", cost, share);
        uint256 risked = riskOfLying(given);
        if (cost + given.lieGain > risked) revert LyingPays(cost + given.lieGain, risked);
        risked = given.plantedPpm * (share + given.validatorStake) / MILLION;
        if (cost > risked) revert LazinessPays(cost, risked);
    }

    function _within(bytes32 what, uint256 least, uint256 most, uint256 given) internal pure {
        if (given < least || given > most) revert TermOutside(what, least, most, given);
    }
}
