// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {ERC2981} from "@openzeppelin/contracts/token/common/ERC2981.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {Base64} from "@openzeppelin/contracts/utils/Base64.sol";
import {Bytes} from "@openzeppelin/contracts/utils/Bytes.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {IStakeVault} from "./IStakeVault.sol";
import {IVerdicts} from "./IVerdicts.sol";
import {Committee, Quorum, Signatures} from "./Quorum.sol";
import {IRoyaltyPayees, RoyaltySplitter} from "./RoyaltySplitter.sol";

/// @notice Somebody who made a content.
struct Author {
    address account;
    /// Part of what the authors get, in basis points; all together are 10,000.
    uint16 shareBps;
}

/// @notice What is said of a content, all of which the verdict accepts or not.
struct Claim {
    /// SHA-256 of the content's bytes.
    bytes32 content;
    /// Who gets the token.
    address owner;
    /// Royalty on each sale, in basis points of the price.
    uint16 royaltyBps;
    /// Part of the royalties of each work that is derived from this one, in basis points.
    uint16 derivativeBps;
    /// 1 to 16.
    Author[] authors;
    /// Contents that this one is derived from, in ascending order; at most 8.
    bytes32[] parents;
}

/// @title ContentRegistry
/// @notice A token for each content that the court's near-duplicate verdict found to be new, with its authors, its
///         parents and its royalties. The same bytes are minted once. Anybody may dispute a token with a bond.
/// @dev The verdict's subject is not the content alone but the whole claim, owner included. So a mint can be seen,
///      copied and sent by anybody, and still only does what its author said; a thief needs an accepted verdict on a
///      claim of his own, for bytes that the log shows somebody else to have claimed before. A commit and a reveal
///      would hide the content only until the verdict is asked for, long before the mint; and they would not bind
///      parents, without which nobody can say whether a near-duplicate is a theft or a derived work.
contract ContentRegistry is ERC721, ERC2981, AccessManaged, EIP712, IRoyaltyPayees {
    enum Phase {
        None,
        Minted,
        /// Cannot be transferred, nor its royalties claimed, until the dispute ends.
        Disputed,
        /// Was a theft; only the rightful owner can mint it again.
        Revoked
    }

    struct Terms {
        /// SHA-256 of the near-duplicate data contract's ODCS document.
        bytes32 contractDigest;
        /// The court that verdicts come from.
        IVerdicts court;
        /// Least level of the verdict, 0 to 5.
        uint8 requiredLevel;
        /// Time for reviewers to rule, in seconds.
        uint32 rulingSeconds;
        /// Part of a lost bond that is destroyed, in basis points.
        uint16 burnBps;
        /// Bond of a first dispute, in the token's smallest unit.
        uint112 bond;
    }

    struct Parent {
        bytes32 content;
        /// Part of this work's royalties, in basis points.
        uint16 shareBps;
    }

    struct Work {
        /// Collects the royalties.
        address splitter;
        Phase phase;
        uint16 derivativeBps;
        /// Disputes so far.
        uint32 disputes;
        uint40 mintedAt;
        /// Once it was revoked: whose it is.
        address rightful;
        /// Part of the royalties that all parents have, in basis points.
        uint16 parentsBps;
        /// Digest of the claim that the verdict accepted.
        bytes32 subject;
        Author[] authors;
        Parent[] parents;
    }

    struct Dispute {
        address disputer;
        uint48 openedAt;
        /// Until when reviewers can rule; once it is over, when it ended. In seconds since the epoch.
        uint48 until;
        uint128 bond;
        uint16 burnBps;
    }

    /// @notice Most authors of a content.
    uint256 public constant MAX_AUTHORS = 16;
    /// @notice Most parents of a content.
    uint256 public constant MAX_PARENTS = 8;
    /// @notice Largest royalty on a sale, in basis points.
    uint16 public constant MAX_ROYALTY_BPS = 2_500;
    /// @notice Most that a work can ask of those derived from it, in basis points: eight parents leave a fifth.
    uint16 public constant MAX_DERIVATIVE_BPS = 1_000;
    /// @notice Each further dispute of a token costs twice as much, so often; then as much again.
    uint8 public constant MAX_DOUBLINGS = 4;
    /// @notice Least part of a lost bond that is destroyed, in basis points.
    uint16 public constant MIN_BURN_BPS = 1_000;
    /// @notice Shortest time for a ruling, in seconds.
    uint32 public constant MIN_RULING_SECONDS = 10 minutes;
    /// @notice Longest time for a ruling, in seconds: so long can a token be held up.
    uint32 public constant MAX_RULING_SECONDS = 30 days;
    /// @notice EIP-712 type of what reviewers sign.
    bytes32 public constant RULING_TYPEHASH = keccak256(
        "Ruling(bytes32 contractDigest,uint64 epoch,bytes32 content,"
        "uint32 number,bool revoked,address rightful,bytes32 reasons)"
    );
    uint256 internal constant BPS = 10_000;
    uint8 internal constant ACCEPT = 1;

    IStakeVault public immutable vault;
    /// @notice Code of all splitters.
    address public immutable splitterCode;

    Terms public terms;
    /// @notice Hash of the reviewers in force (Quorum).
    bytes32 public reviewersHash;
    /// @notice Number of the reviewers' membership; 0 before the first.
    uint64 public epoch;

    mapping(bytes32 content => Work) internal works;
    /// @notice A dispute about a content, by its number from 1 on.
    mapping(bytes32 content => mapping(uint32 number => Dispute)) public disputes;

    event TermsSet(Terms terms);
    event ReviewersSet(uint64 indexed epoch, uint8 threshold, address[] members);
    event ContentMinted(
        bytes32 indexed content, address indexed owner, bytes32 indexed subject, address splitter, Claim claim
    );
    event ContentDisputed(
        bytes32 indexed content,
        uint32 indexed number,
        address indexed disputer,
        uint256 bond,
        uint48 deadline,
        bytes32 evidence
    );
    /// @notice A dispute ended.
    /// @param ruled False when the reviewers let the time pass.
    /// @param rightful Whose the content is, when it was revoked.
    event DisputeEnded(
        bytes32 indexed content,
        uint32 indexed number,
        Phase phase,
        bool ruled,
        address indexed rightful,
        uint256 burned,
        bytes32 reasons
    );

    error NumberOutside(bytes32 what, uint256 least, uint256 most, uint256 given);
    error AddressZero(bytes32 what);
    error EpochUnexpected(uint64 expected, uint64 given);
    /// @notice There is no accepted verdict on this claim at the level asked for, or it is not final yet.
    error VerdictMissing(bytes32 subject, uint8 decision, uint8 level, uint48 finalAt);
    error ContentPhase(bytes32 content, Phase phase);
    /// @notice The content was revoked and belongs to somebody else.
    error NotRightful(address rightful, address given);
    error SharesUneven(uint256 sumBps);
    error ParentsUnsorted(uint256 place);
    /// @notice A parent is minted first.
    error ParentMissing(bytes32 parent, Phase phase);
    error NobodyThere(uint256 place);
    error SelfDispute(address owner);
    error DeadlinePassed(uint48 deadline);
    error DeadlineAhead(uint48 deadline);
    error ReviewerIsParty(address reviewer);

    constructor(address authority, IStakeVault vault_, Terms memory terms_)
        ERC721("Assay Content", "CONTENT")
        AccessManaged(authority)
        EIP712("Assay ContentRegistry", "1")
    {
        vault = vault_;
        splitterCode = address(new RoyaltySplitter());
        _setTerms(terms_);
    }

    // ---------------------------------------------------------------------------------------------- governance

    /// @notice Sets the terms for mints and disputes to come. Disputes that are open keep theirs.
    function setTerms(Terms calldata terms_) external restricted {
        _setTerms(terms_);
    }

    /// @notice Names the reviewers who rule on disputes, open ones too. Their epoch is one more than the last.
    function setReviewers(Committee calldata reviewers) external restricted {
        reviewersHash = Quorum.validated(reviewers);
        if (reviewers.epoch != ++epoch) revert EpochUnexpected(epoch, reviewers.epoch);
        emit ReviewersSet(reviewers.epoch, reviewers.threshold, reviewers.members);
    }

    // -------------------------------------------------------------------------------------------------- minting

    /// @notice Mints the token of a content, for the owner whom the claim names. Anybody may send it.
    /// @return tokenId The content's SHA-256 as a number.
    function mint(Claim calldata claim) external returns (uint256 tokenId) {
        bytes32 subject = subjectOf(claim);
        _requireVerdict(subject);
        Work storage work = works[claim.content];
        if (work.phase == Phase.Minted || work.phase == Phase.Disputed) revert ContentPhase(claim.content, work.phase);
        if (work.phase == Phase.Revoked && claim.owner != work.rightful)
            revert NotRightful(work.rightful, claim.owner);
        if (claim.owner == address(0)) revert AddressZero("owner");
        _within("royaltyBps", 0, MAX_ROYALTY_BPS, claim.royaltyBps);
        _within("derivativeBps", 0, MAX_DERIVATIVE_BPS, claim.derivativeBps);

        _setAuthors(work, claim.authors);
        _setParents(work, claim.parents);
        // Only now, so that no work is its own parent.
        work.phase = Phase.Minted;
        work.derivativeBps = claim.derivativeBps;
        work.mintedAt = uint40(block.timestamp);
        work.subject = subject;
        // A revoked content gets another splitter: what the old one holds is settled there.
        address splitter = Clones.cloneWithImmutableArgs(splitterCode, abi.encode(claim.content));
        work.splitter = splitter;
        tokenId = uint256(claim.content);
        _setTokenRoyalty(tokenId, splitter, claim.royaltyBps);
        emit ContentMinted(claim.content, claim.owner, subject, splitter, claim);
        // The receiver is not asked: whether a claim can be minted is for the court alone to say.
        _mint(claim.owner, tokenId);
    }

    // ------------------------------------------------------------------------------------------------- disputes

    /// @notice Says that a token is a theft, against a bond. Until it ends the token stays where it is.
    /// @param evidence Digest of what the reviewers should read.
    function dispute(bytes32 content, bytes32 evidence) external {
        Work storage work = works[content];
        if (work.phase != Phase.Minted) revert ContentPhase(content, work.phase);
        if (msg.sender == _ownerOf(uint256(content))) revert SelfDispute(msg.sender);
        uint128 bond = bondOf(content);
        uint32 number = ++work.disputes;
        work.phase = Phase.Disputed;
        uint48 deadline = uint48(block.timestamp) + terms.rulingSeconds;
        disputes[content][number] = Dispute({
            disputer: msg.sender,
            openedAt: uint48(block.timestamp),
            until: deadline,
            bond: bond,
            burnBps: terms.burnBps
        });
        emit ContentDisputed(content, number, msg.sender, bond, deadline, evidence);
        vault.collect(msg.sender, bond, potOf(content, number));
    }

    /// @notice Ends a dispute by what the reviewers signed. Anybody may carry it here.
    /// @param revoked True when the token is a theft: it is destroyed.
    /// @param rightful When revoked, whose the content is: he gets the royalties that were not claimed yet and alone
    ///        can mint it again, with a verdict on his own claim. Zero otherwise.
    /// @param reasons Digest of their signed reasons.
    function rule(
        bytes32 content,
        bool revoked,
        address rightful,
        bytes32 reasons,
        Committee calldata reviewers,
        Signatures calldata signatures
    ) external {
        (uint32 number, Dispute memory dispute_) = _disputeOf(content);
        if (block.timestamp > dispute_.until) revert DeadlinePassed(dispute_.until);
        if (revoked && rightful == address(0)) revert AddressZero("rightful");
        bytes32 digest = rulingDigest(content, number, revoked, rightful, reasons, reviewers.epoch);
        Quorum.check(reviewersHash, reviewers, reviewers.threshold, digest, signatures);
        address owner = _ownerOf(uint256(content));
        _requireNoParty([dispute_.disputer, owner, rightful], reviewers, signatures);

        bytes32 pot = potOf(content, number);
        if (revoked) {
            works[content].rightful = rightful;
            _end(content, number, Phase.Revoked, true, 0, reasons);
            _burn(uint256(content));
            _resetTokenRoyalty(uint256(content));
            vault.pay(pot, dispute_.disputer, dispute_.bond);
        } else {
            uint256 burned = uint256(dispute_.bond) * dispute_.burnBps / BPS;
            _end(content, number, Phase.Minted, true, burned, reasons);
            vault.burn(pot, burned);
            vault.pay(pot, owner, dispute_.bond - burned);
        }
    }

    /// @notice Ends a dispute that nobody ruled on in time. The token stands, as the court's verdict on it did; the
    ///         disputer gets his bond back but for the part that is destroyed, as holding a token up is never free.
    ///         Anybody may call it.
    function lapse(bytes32 content) external {
        (uint32 number, Dispute memory dispute_) = _disputeOf(content);
        if (block.timestamp <= dispute_.until) revert DeadlineAhead(dispute_.until);
        bytes32 pot = potOf(content, number);
        uint256 burned = uint256(dispute_.bond) * dispute_.burnBps / BPS;
        _end(content, number, Phase.Minted, false, burned, 0);
        vault.burn(pot, burned);
        vault.pay(pot, dispute_.disputer, dispute_.bond - burned);
    }

    // -------------------------------------------------------------------------------------------------- reading

    /// @notice What is known of a content; all zero when there is nothing. A revoked one shows what was claimed.
    function workOf(bytes32 content) external view returns (Work memory) {
        return works[content];
    }

    /// @inheritdoc IRoyaltyPayees
    function royaltyPayee(bytes32 content, address splitter, uint256 place)
        external
        view
        returns (address payee, uint256 parts)
    {
        Work storage work = works[content];
        if (work.phase == Phase.Disputed) revert ContentPhase(content, Phase.Disputed);
        // All that a revoked token's splitter still gets is the rightful owner's.
        if (work.phase == Phase.Revoked || splitter != work.splitter) return (work.rightful, 0);
        uint256 authorsCount = work.authors.length;
        if (place < authorsCount) {
            Author storage author = work.authors[place];
            return (author.account, author.shareBps * (BPS - work.parentsBps));
        }
        if (place >= authorsCount + work.parents.length) revert NobodyThere(place);
        Parent storage parent = work.parents[place - authorsCount];
        // Zero parts would mean everything.
        if (parent.shareBps == 0) revert NobodyThere(place);
        return (works[parent.content].splitter, parent.shareBps * BPS);
    }

    /// @notice What the next dispute of a content costs, in the token's smallest unit.
    function bondOf(bytes32 content) public view returns (uint128) {
        uint32 before = works[content].disputes;
        return uint128(terms.bond) << (before < MAX_DOUBLINGS ? before : MAX_DOUBLINGS);
    }

    /// @notice The vault's pot that holds a dispute's bond.
    function potOf(bytes32 content, uint32 number) public pure returns (bytes32) {
        return keccak256(abi.encode(content, number));
    }

    /// @notice What a verdict must be about for this claim to be minted here: SHA-256 of
    ///         abi.encode("Assay content claim", chain id, this contract, claim).
    function subjectOf(Claim calldata claim) public view returns (bytes32) {
        return sha256(abi.encode("Assay content claim", block.chainid, address(this), claim));
    }

    /// @notice What reviewers sign.
    /// @param epoch_ Epoch of the reviewers.
    function rulingDigest(
        bytes32 content,
        uint32 number,
        bool revoked,
        address rightful,
        bytes32 reasons,
        uint64 epoch_
    ) public view returns (bytes32) {
        return _hashTypedDataV4(
            keccak256(
                abi.encode(
                    RULING_TYPEHASH, terms.contractDigest, epoch_, content, number, revoked, rightful, reasons
                )
            )
        );
    }

    /// @notice A data URI with the content's digest. It needs no server, so that it says the same for ever.
    /// @inheritdoc ERC721
    function tokenURI(uint256 tokenId) public view override returns (string memory) {
        _requireOwned(tokenId);
        bytes memory digits = Bytes.slice(bytes(Strings.toHexString(tokenId, 32)), 2);
        bytes memory json =
            abi.encodePacked("{\"name\":\"Content ", digits, "\",\"digest\":{\"sha256\":\"", digits, "\"}}");
        return string.concat("data:application/json;base64,", Base64.encode(json));
    }

    /// @inheritdoc ERC721
    function supportsInterface(bytes4 interfaceId) public view override(ERC721, ERC2981) returns (bool) {
        return super.supportsInterface(interfaceId);
    }

    // --------------------------------------------------------------------------------------------------- inside

    /// @dev A disputed token stays with its owner.
    function _update(address to, uint256 tokenId, address auth) internal override returns (address) {
        bytes32 content = bytes32(tokenId);
        if (works[content].phase == Phase.Disputed) revert ContentPhase(content, Phase.Disputed);
        return super._update(to, tokenId, auth);
    }

    function _requireVerdict(bytes32 subject) internal view {
        (uint8 decision, uint8 level, uint48 finalAt) = terms.court.verdictOf(terms.contractDigest, subject);
        bool isFinal = finalAt != 0 && finalAt <= block.timestamp;
        if (decision != ACCEPT || level < terms.requiredLevel || !isFinal)
            revert VerdictMissing(subject, decision, level, finalAt);
    }

    function _setAuthors(Work storage work, Author[] calldata authors) internal {
        _within("authors", 1, MAX_AUTHORS, authors.length);
        delete work.authors;
        uint256 sumBps = 0;
        for (uint256 i = 0; i < authors.length; ++i) {
            if (authors[i].account == address(0)) revert AddressZero("author");
            _within("shareBps", 1, BPS, authors[i].shareBps);
            sumBps += authors[i].shareBps;
            work.authors.push(authors[i]);
        }
        if (sumBps != BPS) revert SharesUneven(sumBps);
    }

    /// @dev Each parent gets what it asks for now. What a parent is minted with later changes nothing here.
    function _setParents(Work storage work, bytes32[] calldata parents) internal {
        _within("parents", 0, MAX_PARENTS, parents.length);
        delete work.parents;
        uint16 sumBps = 0;
        for (uint256 i = 0; i < parents.length; ++i) {
            if (i > 0 && parents[i] <= parents[i - 1]) revert ParentsUnsorted(i);
            Work storage parent = works[parents[i]];
            bool exists = parent.phase == Phase.Minted || parent.phase == Phase.Disputed;
            if (!exists) revert ParentMissing(parents[i], parent.phase);
            sumBps += parent.derivativeBps;
            work.parents.push(Parent({content: parents[i], shareBps: parent.derivativeBps}));
        }
        work.parentsBps = sumBps;
    }

    function _disputeOf(bytes32 content) internal view returns (uint32 number, Dispute memory) {
        Work storage work = works[content];
        if (work.phase != Phase.Disputed) revert ContentPhase(content, work.phase);
        number = work.disputes;
        return (number, disputes[content][number]);
    }

    function _end(bytes32 content, uint32 number, Phase phase, bool ruled, uint256 burned, bytes32 reasons) internal {
        Work storage work = works[content];
        work.phase = phase;
        disputes[content][number].until = uint48(block.timestamp);
        address rightful = phase == Phase.Revoked ? work.rightful : address(0);
        emit DisputeEnded(content, number, phase, ruled, rightful, burned, reasons);
    }

    /// @dev Nobody judges his own case, nor gives himself what it is about.
    function _requireNoParty(address[3] memory parties, Committee calldata reviewers, Signatures calldata signatures)
        internal
        pure
    {
        for (uint256 i = 0; i < reviewers.members.length; ++i) {
            if ((signatures.signers >> i) & 1 == 0) continue;
            for (uint256 k = 0; k < parties.length; ++k)
                if (reviewers.members[i] == parties[k]) revert ReviewerIsParty(parties[k]);
        }
    }

    function _setTerms(Terms memory given) internal {
        if (address(given.court) == address(0)) revert AddressZero("court");
        _within("requiredLevel", 0, 5, given.requiredLevel);
        _within("rulingSeconds", MIN_RULING_SECONDS, MAX_RULING_SECONDS, given.rulingSeconds);
        _within("burnBps", MIN_BURN_BPS, BPS, given.burnBps);
        _within("bond", 1, type(uint112).max, given.bond);
        terms = given;
        emit TermsSet(given);
    }

    function _within(bytes32 what, uint256 least, uint256 most, uint256 given) internal pure {
        if (given < least || given > most) revert NumberOutside(what, least, most, given);
    }
}
