// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {AggregatorInterface} from "./AggregatorInterface.sol";
import {AggregatorV3Interface} from "./AggregatorV3Interface.sol";
import {IProviderRegistry, IStakeVault} from "./IStakeVault.sol";
import {Committee, Quorum, Signatures} from "./Quorum.sol";

/// @title ReferenceRateFeed
/// @notice One reference rate, read through Chainlink's interface. A threshold of reporters signs each round, and the
///         chain checks range, age and movement by itself. Anybody may dispute a round with a bond: from then on it
///         is not the answer any more, until reviewers confirm it.
/// @dev A consumer that checks what careful consumers check is safe unchanged: while the newest round is disputed or
///      withdrawn, `answeredInRound` is smaller than `roundId`, and answer and `updatedAt` are those of the newest
///      round that nobody disputes. `updatedAt` is when the market was observed, not when the transaction came, so a
///      report that somebody held back looks as old as it is.
contract ReferenceRateFeed is AggregatorV3Interface, AggregatorInterface, AccessManaged, EIP712 {
    /// @notice What the feed is; never changes.
    struct Identity {
        /// E.g. "BTC / USD".
        string description;
        /// SHA-256 of the data contract's ODCS document.
        bytes32 contractDigest;
        /// Who stakes for the reporters (ProviderRegistry); zero when nobody does.
        bytes32 providerId;
        IStakeVault vault;
        IProviderRegistry registry;
        /// Gets what is left of a lost bond when there is no provider.
        address treasury;
        uint8 decimals;
    }

    struct Limits {
        /// Smallest and largest answer that can be true, with the feed's decimals; both above zero.
        int192 minAnswer;
        /// Age from which an answer is stale, in seconds.
        uint32 heartbeatSeconds;
        /// How long a round can be disputed after it was posted, in seconds.
        uint32 disputeSeconds;
        int192 maxAnswer;
        /// Time for reviewers to rule, in seconds.
        uint32 rulingSeconds;
        /// Largest age of a report when it is posted, in seconds; at most the heartbeat.
        uint16 maxReportAgeSeconds;
        /// Largest movement in one heartbeat, in basis points; k heartbeats later it is k + 1 times as much.
        uint16 maxDeviationBps;
        /// Bond of a dispute, in the token's smallest unit.
        uint112 bond;
        /// Provider's stake that a dispute puts at risk, in the token's smallest unit.
        uint112 stakeAtRisk;
        /// Largest distance of a reporter's own value from the committee's median, in basis points.
        uint16 maxSpreadBps;
        /// Part of what a dispute's loser pays that is destroyed, in basis points.
        uint16 burnBps;
    }

    /// @notice Reporters who came to the same answer from the same derivation.
    struct Opinion {
        /// With the feed's decimals.
        int256 answer;
        /// RFC 6962 leaf hash of the derivation statement in the log.
        bytes32 evidence;
        Signatures signatures;
    }

    enum Status {
        /// There is no such round.
        None,
        Fresh,
        /// Undisputed, but older than the heartbeat.
        Stale,
        Disputed,
        /// Reviewers found it wrong, or did not confirm it in time.
        Withdrawn
    }

    enum Phase {
        None,
        Posted,
        Disputed,
        Withdrawn,
        /// Disputed and found right; it cannot be disputed again.
        Confirmed
    }

    struct Round {
        int192 answer;
        uint40 observedAt;
        /// How much later it was posted, in seconds.
        uint16 delay;
        Phase phase;
        /// RFC 6962 leaf hash of the derivation statement in the log.
        bytes32 evidence;
    }

    struct Dispute {
        address disputer;
        uint48 openedAt;
        /// Until when reviewers can rule; once it is over, when it ended. In seconds since the epoch.
        uint48 until;
        uint112 bond;
        /// Provider's stake that the dispute holds.
        uint112 atRisk;
        uint16 burnBps;
    }

    /// @notice Least part of what a loser pays that is destroyed, in basis points: what it costs to play both sides.
    uint16 public constant MIN_BURN_BPS = 1_000;
    /// @notice Shortest time for a ruling, in seconds.
    uint32 public constant MIN_RULING_SECONDS = 10 minutes;
    /// @notice Longest time for a ruling, in seconds.
    uint32 public constant MAX_RULING_SECONDS = 30 days;
    /// @notice Words of 256 rounds that are searched for an undisputed one. Beyond at least 768 rounds in a row that
    ///         are all disputed or withdrawn, the feed has no answer.
    uint256 public constant SEARCH_WORDS = 4;
    /// @notice EIP-712 type of what reporters sign.
    bytes32 public constant REPORT_TYPEHASH = keccak256(
        "Report(bytes32 contractDigest,uint64 epoch,uint80 roundId,int256 answer,uint64 observedAt,bytes32 evidence)"
    );
    /// @notice EIP-712 type of what reviewers sign.
    bytes32 public constant RULING_TYPEHASH =
        keccak256("Ruling(bytes32 contractDigest,uint64 epoch,uint80 roundId,bool stands,bytes32 reasons)");
    uint256 internal constant BPS = 10_000;

    /// @inheritdoc AggregatorV3Interface
    // solhint-disable-next-line const-name-snakecase
    uint256 public constant version = 1;
    /// @inheritdoc AggregatorV3Interface
    uint8 public immutable decimals;
    /// @inheritdoc AggregatorV3Interface
    string public description;
    /// @notice SHA-256 of the data contract's ODCS document.
    bytes32 public immutable contractDigest;
    /// @notice Who stakes for the reporters.
    bytes32 public immutable providerId;
    IStakeVault public immutable vault;
    IProviderRegistry public immutable registry;
    address public immutable treasury;

    Limits public limits;
    /// @notice Hash of the reporters in force (Quorum).
    bytes32 public reportersHash;
    /// @notice Hash of the reviewers in force (Quorum).
    bytes32 public reviewersHash;
    /// @notice Number of both committees' membership; 0 before the first.
    uint64 public epoch;
    uint80 internal newestRound;
    /// @dev While disputes are open: the newest undisputed round before all of them.
    uint80 internal uncontestedRound;
    /// @notice Disputes that have not ended.
    uint32 public openDisputes;

    mapping(uint80 roundId => Round) internal rounds;
    /// @notice The dispute about a round; all zero when there was none.
    mapping(uint80 roundId => Dispute) public disputes;
    /// @dev Bit i of word w is set while round 256·w + i is disputed or withdrawn. Round 0 never is.
    mapping(uint256 word => uint256) internal excluded;

    event LimitsSet(Limits limits);
    event CommitteesSet(
        uint64 indexed epoch,
        uint8 reportersThreshold,
        address[] reporters,
        uint8 reviewersThreshold,
        address[] reviewers
    );
    /// @notice What a round rests on.
    /// @param signed How many reporters signed.
    event RoundPosted(uint80 indexed roundId, bytes32 indexed evidence, uint64 epoch, uint256 signed);
    event RoundDisputed(
        uint80 indexed roundId,
        address indexed disputer,
        uint256 bond,
        uint256 atRisk,
        uint48 deadline,
        bytes32 evidence
    );
    /// @notice A dispute ended.
    /// @param ruled False when the reviewers let the time pass.
    event DisputeEnded(
        uint80 indexed roundId, Phase phase, bool ruled, uint256 slashed, uint256 burned, bytes32 reasons
    );

    /// @notice A limit is outside what the contract allows.
    error LimitOutside(bytes32 limit, uint256 least, uint256 most, uint256 given);
    error EpochUnexpected(uint64 expected, uint64 given);
    /// @notice Nobody may both report and review.
    error ReporterReviews(address member);
    error RoundUnexpected(uint80 expected, uint80 given);
    error AnswerOutside(int256 least, int256 most, int256 given);
    /// @notice Observed too long ago, in the future, or not after the round before; in seconds since the epoch.
    error ObservedAtOutside(uint256 earliest, uint256 latest, uint256 given);
    /// @notice Moved too far from the round that it is held against.
    error AnswerMoved(uint80 fromRound, int256 from, int256 given, uint256 allowedBps);
    error OpinionsUnsorted(uint256 place);
    error SignedTwice(uint256 signers);
    error TooFarFromMedian(int256 median, int256 given, uint256 allowedBps);
    error RoundPhase(uint80 roundId, Phase phase);
    error DisputeOver(uint256 disputableUntil);
    error SelfDispute(address controller);
    error DeadlinePassed(uint48 deadline);
    error DeadlineAhead(uint48 deadline);
    error ReviewerIsParty(address reviewer);

    constructor(address authority, Identity memory identity, Limits memory limits_)
        AccessManaged(authority)
        EIP712("Assay ReferenceRateFeed", "1")
    {
        description = identity.description;
        decimals = identity.decimals;
        contractDigest = identity.contractDigest;
        providerId = identity.providerId;
        vault = identity.vault;
        registry = identity.registry;
        treasury = identity.treasury;
        excluded[0] = 1;
        _setLimits(limits_);
    }

    // ---------------------------------------------------------------------------------------------- governance

    /// @notice Sets the limits for rounds and disputes to come. Disputes that are open keep their terms.
    function setLimits(Limits calldata limits_) external restricted {
        _setLimits(limits_);
    }

    /// @notice Names reporters and reviewers. Both have the next epoch, and nobody is in both.
    function setCommittees(Committee calldata reporters, Committee calldata reviewers) external restricted {
        reportersHash = Quorum.validated(reporters);
        reviewersHash = Quorum.validated(reviewers);
        uint64 next = ++epoch;
        if (reporters.epoch != next) revert EpochUnexpected(next, reporters.epoch);
        if (reviewers.epoch != next) revert EpochUnexpected(next, reviewers.epoch);
        // Both are sorted: one pass finds a common member.
        uint256 k = 0;
        for (uint256 i = 0; i < reporters.members.length; ++i) {
            address member = reporters.members[i];
            while (k < reviewers.members.length && reviewers.members[k] < member) ++k;
            if (k < reviewers.members.length && reviewers.members[k] == member) revert ReporterReviews(member);
        }
        emit CommitteesSet(next, reporters.threshold, reporters.members, reviewers.threshold, reviewers.members);
    }

    // ------------------------------------------------------------------------------------------------- rounds

    /// @notice Posts the next round. Anybody may carry it here.
    /// @dev Whoever carries several opinions chooses among those that were signed: he can move the median, but not
    ///      further than `maxSpreadBps` from any of them.
    /// @param roundId One more than the newest: a round is never written twice, whatever became of it.
    /// @param observedAt When the market was observed, in seconds since the epoch; the same for all reporters.
    /// @param opinions In ascending order of answers. One when all reporters signed the same answer; several when each
    ///        signed his own: then the committee's lower median is the answer, and all must be near it.
    /// @return answer What the round says, with the feed's decimals.
    function post(
        Committee calldata reporters,
        uint80 roundId,
        uint64 observedAt,
        Opinion[] calldata opinions
    ) external returns (int256 answer) {
        if (roundId != newestRound + 1) revert RoundUnexpected(newestRound + 1, roundId);
        uint256 signed = _checkSignatures(reporters, roundId, observedAt, opinions);
        uint256 place = _median(opinions, signed);
        answer = opinions[place].answer;
        _checkAnswer(roundId, answer, observedAt);

        newestRound = roundId;
        rounds[roundId] = Round({
            answer: int192(answer),
            observedAt: uint40(observedAt),
            delay: uint16(block.timestamp - observedAt),
            phase: Phase.Posted,
            evidence: opinions[place].evidence
        });
        emit NewRound(roundId, msg.sender, observedAt);
        emit AnswerUpdated(answer, roundId, observedAt);
        emit RoundPosted(roundId, opinions[place].evidence, reporters.epoch, signed);
    }

    // ------------------------------------------------------------------------------------------------ disputes

    /// @notice Says that a round is wrong, against a bond. From now on it is not the answer. A round sees one dispute.
    /// @dev Later rounds go on, so that a bond does not stop the feed; but as long as any dispute is open they are held
    ///      against the last round before it, so that reporters cannot walk on from a value that is disputed.
    /// @param evidence Digest of what the reviewers should read.
    function dispute(uint80 roundId, bytes32 evidence) external {
        Round storage round = rounds[roundId];
        if (round.phase != Phase.Posted) revert RoundPhase(roundId, round.phase);
        uint256 until = uint256(round.observedAt) + round.delay + limits.disputeSeconds;
        if (block.timestamp > until) revert DisputeOver(until);
        if (msg.sender == registry.controllerOf(providerId)) revert SelfDispute(msg.sender);

        round.phase = Phase.Disputed;
        excluded[roundId >> 8] |= 1 << (roundId & 255);
        if (openDisputes == 0 || roundId <= uncontestedRound) uncontestedRound = _undisputed(roundId);
        ++openDisputes;
        if (_undisputed(newestRound) < roundId) _announce();
        uint112 bond = limits.bond;
        uint112 atRisk = uint112(vault.lock(providerId, limits.stakeAtRisk));
        uint48 deadline = uint48(block.timestamp) + limits.rulingSeconds;
        disputes[roundId] = Dispute({
            disputer: msg.sender,
            openedAt: uint48(block.timestamp),
            until: deadline,
            bond: bond,
            atRisk: atRisk,
            burnBps: limits.burnBps
        });
        emit RoundDisputed(roundId, msg.sender, bond, atRisk, deadline, evidence);
        vault.collect(msg.sender, bond, bytes32(uint256(roundId)));
    }

    /// @notice Ends a dispute by what the reviewers signed. Anybody may carry it here.
    /// @param stands True when the round was right.
    /// @param reasons Digest of their signed reasons.
    function rule(
        uint80 roundId,
        bool stands,
        bytes32 reasons,
        Committee calldata reviewers,
        Signatures calldata signatures
    ) external {
        Dispute memory dispute_ = _disputeOf(roundId);
        if (block.timestamp > dispute_.until) revert DeadlinePassed(dispute_.until);
        bytes32 digest = rulingDigest(roundId, stands, reasons, reviewers.epoch);
        Quorum.check(reviewersHash, reviewers, reviewers.threshold, digest, signatures);
        address controller = registry.controllerOf(providerId);
        _requireNoParty(dispute_.disputer, controller, reviewers, signatures);

        bytes32 pot = bytes32(uint256(roundId));
        if (stands) {
            excluded[roundId >> 8] &= ~(1 << (roundId & 255));
            if (_undisputed(newestRound) == roundId) _announce();
            uint256 burned = uint256(dispute_.bond) * dispute_.burnBps / BPS;
            _end(roundId, Phase.Confirmed, true, 0, burned, reasons);
            vault.unlock(providerId, dispute_.atRisk);
            vault.burn(pot, burned);
            vault.pay(pot, controller == address(0) ? treasury : controller, dispute_.bond - burned);
        } else {
            uint256 burned = uint256(dispute_.atRisk) * dispute_.burnBps / BPS;
            _end(roundId, Phase.Withdrawn, true, dispute_.atRisk, burned, reasons);
            vault.seize(providerId, dispute_.atRisk, pot);
            vault.burn(pot, burned);
            vault.pay(pot, dispute_.disputer, uint256(dispute_.bond) + dispute_.atRisk - burned);
        }
    }

    /// @notice Ends a dispute that nobody ruled on in time. What nobody confirmed is no answer, so the round is
    ///         withdrawn; the disputer gets his bond back but for the part that is destroyed, as stopping a round is
    ///         never free. Anybody may call it.
    function lapse(uint80 roundId) external {
        Dispute memory dispute_ = _disputeOf(roundId);
        if (block.timestamp <= dispute_.until) revert DeadlineAhead(dispute_.until);
        bytes32 pot = bytes32(uint256(roundId));
        uint256 burned = uint256(dispute_.bond) * dispute_.burnBps / BPS;
        _end(roundId, Phase.Withdrawn, false, 0, burned, 0);
        vault.unlock(providerId, dispute_.atRisk);
        vault.burn(pot, burned);
        vault.pay(pot, dispute_.disputer, dispute_.bond - burned);
    }

    // ------------------------------------------------------------------------------------------------- reading

    /// @inheritdoc AggregatorV3Interface
    /// @dev A disputed or withdrawn round gives the newest undisputed answer before it, and says so by
    ///      `answeredInRound`. Reverts with "No data present" for rounds that never were and where no answer is.
    function getRoundData(uint80 roundId_)
        external
        view
        returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound)
    {
        return _read(roundId_);
    }

    /// @inheritdoc AggregatorV3Interface
    /// @dev See `getRoundData`.
    function latestRoundData()
        external
        view
        returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound)
    {
        return _read(newestRound);
    }

    /// @inheritdoc AggregatorInterface
    function latestAnswer() external view returns (int256) {
        return getAnswer(newestRound);
    }

    /// @inheritdoc AggregatorInterface
    function latestTimestamp() external view returns (uint256) {
        return getTimestamp(newestRound);
    }

    /// @inheritdoc AggregatorInterface
    function latestRound() external view returns (uint256) {
        return newestRound;
    }

    /// @inheritdoc AggregatorInterface
    function getAnswer(uint256 roundId) public view returns (int256) {
        return rounds[_answeredIn(roundId)].answer;
    }

    /// @inheritdoc AggregatorInterface
    function getTimestamp(uint256 roundId) public view returns (uint256) {
        return rounds[_answeredIn(roundId)].observedAt;
    }

    /// @notice How much a round is worth now.
    /// @return status See Status.
    /// @return since When it became so, in seconds since the epoch.
    function statusOf(uint80 roundId) external view returns (Status status, uint48 since) {
        Round storage round = rounds[roundId];
        Phase phase = round.phase;
        if (phase == Phase.None) return (Status.None, 0);
        if (phase == Phase.Disputed) return (Status.Disputed, disputes[roundId].openedAt);
        if (phase == Phase.Withdrawn) return (Status.Withdrawn, disputes[roundId].until);
        uint48 staleAt = uint48(round.observedAt) + limits.heartbeatSeconds;
        if (block.timestamp > staleAt) return (Status.Stale, staleAt);
        if (phase == Phase.Confirmed) return (Status.Fresh, disputes[roundId].until);
        return (Status.Fresh, uint48(round.observedAt) + round.delay);
    }

    /// @notice A round as it was posted, also when it is disputed or withdrawn; all zero when there is none.
    function roundOf(uint80 roundId) external view returns (Round memory) {
        return rounds[roundId];
    }

    /// @notice What reporters sign.
    /// @param epoch_ Epoch of the reporters.
    /// @param evidence RFC 6962 leaf hash of the derivation statement in the log.
    function reportDigest(uint64 epoch_, uint80 roundId, int256 answer, uint64 observedAt, bytes32 evidence)
        public
        view
        returns (bytes32)
    {
        return _hashTypedDataV4(
            keccak256(abi.encode(REPORT_TYPEHASH, contractDigest, epoch_, roundId, answer, observedAt, evidence))
        );
    }

    /// @notice What reviewers sign.
    /// @param epoch_ Epoch of the reviewers.
    function rulingDigest(uint80 roundId, bool stands, bytes32 reasons, uint64 epoch_) public view returns (bytes32) {
        return _hashTypedDataV4(
            keccak256(abi.encode(RULING_TYPEHASH, contractDigest, epoch_, roundId, stands, reasons))
        );
    }

    // -------------------------------------------------------------------------------------------------- inside

    /// @return signed How many reporters signed, each one counted once.
    function _checkSignatures(
        Committee calldata reporters,
        uint80 roundId,
        uint64 observedAt,
        Opinion[] calldata opinions
    ) internal view returns (uint256 signed) {
        uint256 signers = 0;
        // Each opinion has at least one signer and nobody signs twice: there are at most as many as members.
        for (uint256 i = 0; i < opinions.length; ++i) {
            Opinion calldata opinion = opinions[i];
            if (signers & opinion.signatures.signers != 0) revert SignedTwice(signers & opinion.signatures.signers);
            bytes32 digest = reportDigest(reporters.epoch, roundId, opinion.answer, observedAt, opinion.evidence);
            Quorum.check(reportersHash, reporters, 1, digest, opinion.signatures);
            signers |= opinion.signatures.signers;
            signed += opinion.signatures.rvs.length;
        }
        if (signed == 0 || signed < reporters.threshold) revert Quorum.QuorumMissed(reporters.threshold, signed);
    }

    /// @return place The opinion that holds the lower median of what the signers said.
    function _median(Opinion[] calldata opinions, uint256 signed) internal view returns (uint256 place) {
        uint256 count = opinions.length;
        for (uint256 i = 1; i < count; ++i)
            if (opinions[i].answer < opinions[i - 1].answer) revert OpinionsUnsorted(i);
        uint256 before = opinions[0].signatures.rvs.length;
        while (before <= (signed - 1) / 2) before += opinions[++place].signatures.rvs.length;
        if (count == 1) return place;
        int256 median = opinions[place].answer;
        uint256 allowedBps = limits.maxSpreadBps;
        int256 lowest = opinions[0].answer;
        if (_moved(median, lowest, allowedBps)) revert TooFarFromMedian(median, lowest, allowedBps);
        int256 highest = opinions[count - 1].answer;
        if (_moved(median, highest, allowedBps)) revert TooFarFromMedian(median, highest, allowedBps);
    }

    /// @dev Range, age, and movement since the round that it is held against.
    function _checkAnswer(uint80 roundId, int256 answer, uint64 observedAt) internal view {
        if (answer < limits.minAnswer || answer > limits.maxAnswer)
            revert AnswerOutside(limits.minAnswer, limits.maxAnswer, answer);
        uint256 earliest = uint256(rounds[roundId - 1].observedAt) + 1;
        if (block.timestamp > earliest + limits.maxReportAgeSeconds)
            earliest = block.timestamp - limits.maxReportAgeSeconds;
        if (observedAt < earliest || observedAt > block.timestamp)
            revert ObservedAtOutside(earliest, block.timestamp, observedAt);
        uint80 fromRound = openDisputes == 0 ? 0 : uncontestedRound;
        if (fromRound == 0) fromRound = _undisputed(roundId - 1);
        if (fromRound == 0) return;
        int256 from = rounds[fromRound].answer;
        // Without the growth, a market that jumped once would stop the feed for ever.
        uint256 heartbeats = (observedAt - rounds[fromRound].observedAt) / limits.heartbeatSeconds;
        uint256 allowedBps = limits.maxDeviationBps * (1 + heartbeats);
        if (_moved(from, answer, allowedBps)) revert AnswerMoved(fromRound, from, answer, allowedBps);
    }

    /// @dev Whether `to` is further from `from` than so many basis points of `from`.
    function _moved(int256 from, int256 to, uint256 allowedBps) internal pure returns (bool) {
        // A median may still be any number: the difference is taken without a sign, and none is allowed below zero.
        uint256 distance;
        unchecked {
            distance = to > from ? uint256(to) - uint256(from) : uint256(from) - uint256(to);
        }
        uint256 size = from < 0 ? 0 : uint256(from);
        return distance > (size / BPS) * allowedBps + (size % BPS) * allowedBps / BPS;
    }

    function _read(uint80 roundId) internal view returns (uint80, int256, uint256, uint256, uint80) {
        uint80 answeredIn = _answeredIn(roundId);
        // Chainlink's reason, which consumers may compare.
        // solhint-disable-next-line gas-custom-errors
        if (answeredIn == 0) revert("No data present");
        Round storage round = rounds[answeredIn];
        return (roundId, round.answer, round.observedAt, round.observedAt, answeredIn);
    }

    /// @dev The round whose answer a round gives; 0 when there is none.
    function _answeredIn(uint256 roundId) internal view returns (uint80) {
        if (roundId == 0 || roundId > newestRound) return 0;
        Phase phase = rounds[uint80(roundId)].phase;
        // Spares the usual reader a storage access.
        if (phase == Phase.Posted || phase == Phase.Confirmed) return uint80(roundId);
        return _undisputed(uint80(roundId));
    }

    /// @dev The newest round up to this one that is neither disputed nor withdrawn; 0 when there is none.
    function _undisputed(uint80 roundId) internal view returns (uint80) {
        uint256 word = roundId >> 8;
        uint256 found = ~excluded[word] & (type(uint256).max >> (255 - (roundId & 255)));
        for (uint256 i = 1; found == 0 && word > 0 && i < SEARCH_WORDS; ++i) found = ~excluded[--word];
        return found == 0 ? 0 : uint80((word << 8) | Math.log2(found));
    }

    /// @dev Who follows events alone hears that the newest answer is another one now, if there is one.
    function _announce() internal {
        uint80 answeredIn = _undisputed(newestRound);
        if (answeredIn != 0) emit AnswerUpdated(rounds[answeredIn].answer, newestRound, rounds[answeredIn].observedAt);
    }

    function _disputeOf(uint80 roundId) internal view returns (Dispute memory) {
        Phase phase = rounds[roundId].phase;
        if (phase != Phase.Disputed) revert RoundPhase(roundId, phase);
        return disputes[roundId];
    }

    function _end(uint80 roundId, Phase phase, bool ruled, uint256 slashed, uint256 burned, bytes32 reasons) internal {
        rounds[roundId].phase = phase;
        disputes[roundId].until = uint48(block.timestamp);
        --openDisputes;
        emit DisputeEnded(roundId, phase, ruled, slashed, burned, reasons);
    }

    /// @dev Nobody judges his own case.
    function _requireNoParty(
        address disputer,
        address controller,
        Committee calldata reviewers,
        Signatures calldata signatures
    ) internal pure {
        for (uint256 i = 0; i < reviewers.members.length; ++i) {
            address reviewer = reviewers.members[i];
            bool signed = (signatures.signers >> i) & 1 == 1;
            if (signed && (reviewer == disputer || reviewer == controller)) revert ReviewerIsParty(reviewer);
        }
    }

    function _setLimits(Limits memory given) internal {
        _within("maxAnswer", 1, uint192(type(int192).max), given.maxAnswer < 0 ? 0 : uint192(given.maxAnswer));
        // Above zero, as movements are parts of the answer.
        _within("minAnswer", 1, uint192(given.maxAnswer), given.minAnswer < 0 ? 0 : uint192(given.minAnswer));
        _within("heartbeatSeconds", 1, type(uint32).max, given.heartbeatSeconds);
        _within("maxReportAgeSeconds", 1, given.heartbeatSeconds, given.maxReportAgeSeconds);
        _within("maxDeviationBps", 1, BPS, given.maxDeviationBps);
        _within("maxSpreadBps", 1, BPS, given.maxSpreadBps);
        _within("bond", 1, type(uint112).max, given.bond);
        _within("burnBps", MIN_BURN_BPS, BPS, given.burnBps);
        _within("rulingSeconds", MIN_RULING_SECONDS, MAX_RULING_SECONDS, given.rulingSeconds);
        // Whoever posts a lie and takes his stake out at once is still here when the last dispute can begin.
        _within("disputeSeconds", 1, vault.unbondingSeconds(), given.disputeSeconds);
        limits = given;
        emit LimitsSet(given);
    }

    function _within(bytes32 limit, uint256 least, uint256 most, uint256 given) internal pure {
        if (given < least || given > most) revert LimitOutside(limit, least, most, given);
    }
}
