// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {IStakeVault} from "./IStakeVault.sol";
import {Committee, Quorum, Signatures} from "./Quorum.sol";
import {Rfc9162} from "./Rfc9162.sol";

/// @dev Comes first among the bases, so that `heads` is slot 0. The layout is part of the interface: off-line
///      verifiers read `heads[originId].root` at keccak256(originId ‖ 0) and the size in the slot after it, by
///      state proof.
abstract contract AnchoredHeads {
    /// @notice The newest checkpoint of a log.
    struct Head {
        /// RFC 6962 root hash of the tree.
        bytes32 root;
        /// Number of entries in the tree; 0 before the first checkpoint.
        uint64 size;
        /// Block time of the record, in seconds since the epoch.
        uint64 anchoredAt;
    }

    /// @notice Newest checkpoint by origin id, keccak256 of the origin line.
    mapping(bytes32 originId => Head) internal heads;
}

/// @title CheckpointAnchor
/// @notice Records the newest checkpoint of transparency logs, so that a log can no longer show a shorter or
///         another tree than the one that a block holds. The newest one suffices: an older checkpoint is proved
///         by the state of the block that recorded it. A log's operator puts stake behind its checkpoints and
///         loses all of it when somebody shows two that contradict each other.
/// @dev Who signs Checkpoint(origin, size, root) says: this log has this tree, and never had another of this size.
///      That is a fact about a log and the same on every chain, so the EIP-712 domain names neither chain nor
///      contract, on purpose: one signature serves all chains, and a fork shown on one is evidence on each.
contract CheckpointAnchor is AnchoredHeads, AccessManaged {
    /// @notice Who answers for a log.
    struct Operator {
        /// When it became the operator, in seconds since the epoch.
        uint48 since;
        /// Two contradicting checkpoints by it are known: it can never answer for a log again.
        bool forked;
        /// Whose stake is lost then (ProviderRegistry).
        bytes32 providerId;
    }

    /// @notice Part of a slashed operator's stake for whoever proved the fork, in basis points; the rest is
    ///         destroyed, so that an operator gains nothing by being its own accuser.
    uint256 public constant REPORTER_BPS = 1_000;
    /// @notice Gas that is left for taking the stake; it needs about 140,000.
    uint256 public constant SLASH_GAS = 400_000;
    /// @notice keccak256("EIP712Domain(string name,string version)"), with "Assay Checkpoint" and "1".
    bytes32 public constant DOMAIN_SEPARATOR = keccak256(
        abi.encode(
            keccak256("EIP712Domain(string name,string version)"), keccak256("Assay Checkpoint"), keccak256("1")
        )
    );
    bytes32 public constant CHECKPOINT_TYPEHASH = keccak256("Checkpoint(string origin,uint64 size,bytes32 root)");

    IStakeVault public immutable vault;

    /// @notice The only account that may record checkpoints of a log on its word alone, by origin id.
    mapping(bytes32 originId => address) public anchorerOf;
    /// @notice Roots by size, of those checkpoints that were anchored with history.
    mapping(bytes32 originId => mapping(uint64 size => bytes32)) internal roots;
    /// @notice Hash of the committee of witnesses (Quorum.sol); zero where a log has none.
    mapping(bytes32 originId => bytes32) public witnessesHash;
    mapping(bytes32 originId => uint64) public witnessesEpoch;
    /// @notice Everybody who ever answered for a log, by the key that signs its checkpoints for the chain.
    mapping(bytes32 originId => mapping(address signer => Operator)) public operatorOf;
    /// @notice Who signs for a log now; zero when nobody does.
    mapping(bytes32 originId => address) public currentSigner;

    /// @notice A log was registered, or its anchorer replaced.
    /// @param originId keccak256(bytes(origin))
    event OriginRegistered(bytes32 indexed originId, string origin, address indexed anchorer);
    /// @notice Somebody else signs a log's checkpoints from now on. What the one before signed stays its word.
    event OperatorSet(bytes32 indexed originId, address indexed signer, bytes32 indexed providerId);
    /// @notice The witnesses of whom a quorum may anchor a log.
    event WitnessesSet(bytes32 indexed originId, uint64 indexed epoch, uint8 threshold, address[] members);
    /// @notice A log grew to a new checkpoint.
    event CheckpointAnchored(bytes32 indexed originId, uint64 indexed size, bytes32 root);
    /// @notice An operator signed two trees of one size.
    event ForkProved(
        bytes32 indexed originId,
        address indexed signer,
        uint64 size,
        bytes32 rootA,
        bytes32 rootB,
        address indexed reporter
    );
    /// @notice The stake behind a fork is gone, or could not be taken; the fork is recorded in both cases.
    event OperatorSlashed(bytes32 indexed originId, bytes32 indexed providerId, uint256 amount, bool taken);

    /// @notice Too little gas is left to take the operator's stake.
    error GasTooLow(uint256 needed, uint256 left);
    /// @notice Only the log's anchorer may record its checkpoints.
    error NotAnchorer(bytes32 originId, address caller);
    /// @notice A log's origin is at least one character.
    error OriginEmpty();
    /// @notice Nobody registered this log.
    error OriginUnknown(bytes32 originId);
    /// @notice A log needs an anchorer.
    error AnchorerZero();
    /// @notice An operator needs a key.
    error SignerZero();
    /// @notice This key signed a fork.
    error SignerForked(address signer);
    /// @notice The log has more entries than the checkpoint given: a log never gets shorter.
    error SizeDecreased(uint64 recorded, uint64 given);
    /// @notice This size is recorded with another root: one of both checkpoints shows a forked log.
    error RootConflict(uint64 size, bytes32 recorded, bytes32 given);
    /// @notice The checkpoint of an empty log proves nothing.
    error CheckpointEmpty();
    /// @notice The proof does not show that the tree extends the recorded one.
    error NotConsistent(uint64 recorded, uint64 given);
    error EpochUnexpected(uint64 expected, uint64 given);
    /// @notice Two signatures over one tree contradict nothing.
    error NoConflict();
    /// @notice The signature is by nobody who ever answered for this log.
    error NotOperator(bytes32 originId, address signer);
    /// @notice This operator's fork is known already.
    error AlreadyProved(bytes32 originId, address signer);

    constructor(address authority, IStakeVault vault_) AccessManaged(authority) {
        vault = vault_;
    }

    // ------------------------------------------------------------------------------------------------- registrar

    /// @notice Registers a log, or replaces the account that may anchor it (key rotation).
    /// @dev Only the registrar: an origin cannot be taken by whoever sees it first.
    /// @param origin Origin line of the log's checkpoints.
    /// @param anchorer The account that may record checkpoints of it from now on.
    /// @return originId keccak256(bytes(origin))
    function registerOrigin(string calldata origin, address anchorer)
        external
        restricted
        returns (bytes32 originId)
    {
        if (bytes(origin).length == 0) revert OriginEmpty();
        if (anchorer == address(0)) revert AnchorerZero();
        originId = keccak256(bytes(origin));
        anchorerOf[originId] = anchorer;
        emit OriginRegistered(originId, origin, anchorer);
    }

    /// @notice Names who answers for a log. The key before stays answerable for what it signed.
    /// @param signer Signs the log's checkpoints for the chain.
    /// @param providerId Whose stake is lost when the signer forks the log.
    function setOperator(bytes32 originId, address signer, bytes32 providerId) external restricted {
        if (anchorerOf[originId] == address(0)) revert OriginUnknown(originId);
        if (signer == address(0)) revert SignerZero();
        Operator storage operator = operatorOf[originId][signer];
        if (operator.forked) revert SignerForked(signer);
        if (operator.since == 0) operator.since = uint48(block.timestamp);
        operator.providerId = providerId;
        currentSigner[originId] = signer;
        emit OperatorSet(originId, signer, providerId);
    }

    /// @notice Names the witnesses of whom a quorum may anchor a log. Their epoch is one more than the last.
    function setWitnesses(bytes32 originId, Committee calldata witnesses) external restricted {
        if (anchorerOf[originId] == address(0)) revert OriginUnknown(originId);
        witnessesHash[originId] = Quorum.validated(witnesses);
        uint64 epoch = ++witnessesEpoch[originId];
        if (witnesses.epoch != epoch) revert EpochUnexpected(epoch, witnesses.epoch);
        emit WitnessesSet(originId, epoch, witnesses.threshold, witnesses.members);
    }

    // ---------------------------------------------------------------------------------------------------- anchor

    /// @notice Records a checkpoint. A size never decreases, and never gets a second root.
    /// @dev The same checkpoint again changes nothing, so that a retried transaction is harmless.
    /// @param originId keccak256(bytes(origin))
    /// @param size Number of entries in the tree.
    /// @param root RFC 6962 root hash of the tree.
    function anchor(bytes32 originId, uint64 size, bytes32 root) external {
        if (msg.sender != anchorerOf[originId]) revert NotAnchorer(originId, msg.sender);
        _record(originId, size, root);
    }

    /// @notice Records a checkpoint, and keeps its root for contracts to ask for after the log has grown.
    function anchorWithHistory(bytes32 originId, uint64 size, bytes32 root) external {
        if (msg.sender != anchorerOf[originId]) revert NotAnchorer(originId, msg.sender);
        _record(originId, size, root);
        roots[originId][size] = root;
    }

    /// @notice Records a checkpoint on nobody's word: a quorum of the log's witnesses signed it, and the proof
    ///         shows that it extends the recorded one. Anybody may carry it here.
    /// @param origin Origin line of the log.
    /// @param consistency RFC 9162 consistency proof from the recorded head; empty before the first.
    function anchorProven(
        string calldata origin,
        uint64 size,
        bytes32 root,
        bytes32[] calldata consistency,
        Committee calldata witnesses,
        Signatures calldata signatures
    ) external {
        bytes32 originId = keccak256(bytes(origin));
        bytes32 expected = witnessesHash[originId];
        if (expected == 0) revert OriginUnknown(originId);
        Quorum.check(expected, witnesses, witnesses.threshold, checkpointDigest(originId, size, root), signatures);
        Head storage head_ = heads[originId];
        uint64 recorded = head_.size;
        if (size > recorded && recorded > 0) {
            if (!Rfc9162.verifyConsistency(recorded, head_.root, size, root, consistency))
                revert NotConsistent(recorded, size);
        }
        _record(originId, size, root);
    }

    // ----------------------------------------------------------------------------------------------------- forks

    /// @notice Shows two checkpoints of one size with different roots, both signed by the log's operator: all its
    ///         stake is slashed, and the log is not anchored any more until the registrar registers it anew.
    /// @param origin Origin line of the log.
    /// @param signatureA By the operator, r and (v, s) in one word (EIP-2098), over the first checkpoint.
    function proveEquivocation(
        string calldata origin,
        uint64 size,
        bytes32 rootA,
        bytes32[2] calldata signatureA,
        bytes32 rootB,
        bytes32[2] calldata signatureB
    ) external {
        bytes32 originId = keccak256(bytes(origin));
        if (rootA == rootB) revert NoConflict();
        address signer = _signerOf(checkpointDigest(originId, size, rootA), signatureA);
        Operator storage operator = operatorOf[originId][signer];
        if (signer == address(0) || operator.since == 0) revert NotOperator(originId, signer);
        if (_signerOf(checkpointDigest(originId, size, rootB), signatureB) != signer) revert NoConflict();
        if (operator.forked) revert AlreadyProved(originId, signer);
        operator.forked = true;
        if (signer == currentSigner[originId]) {
            // Nobody anchors this log any more until the registrar has named an anchorer and an operator anew.
            delete currentSigner[originId];
            delete anchorerOf[originId];
            delete witnessesHash[originId];
        }
        emit ForkProved(originId, signer, size, rootA, rootB, msg.sender);
        _slash(originId, operator.providerId, signer);
    }

    // --------------------------------------------------------------------------------------------------- reading

    /// @notice The newest checkpoint of a log; all zero before the first.
    function head(bytes32 originId) external view returns (bytes32 root, uint64 size, uint64 anchoredAt) {
        Head storage head_ = heads[originId];
        return (head_.root, head_.size, head_.anchoredAt);
    }

    /// @notice Root of a log at a size: of the newest checkpoint, or of one that was anchored with history; else 0.
    function rootAt(bytes32 originId, uint64 size) external view returns (bytes32) {
        Head storage head_ = heads[originId];
        return size != 0 && head_.size == size ? head_.root : roots[originId][size];
    }

    /// @notice What operators and witnesses sign, the same on every chain.
    /// @param originId keccak256 of the origin line, which is how EIP-712 hashes a string.
    function checkpointDigest(bytes32 originId, uint64 size, bytes32 root) public pure returns (bytes32) {
        bytes32 hash = keccak256(abi.encode(CHECKPOINT_TYPEHASH, originId, size, root));
        return keccak256(abi.encodePacked(hex"1901", DOMAIN_SEPARATOR, hash));
    }

    // ---------------------------------------------------------------------------------------------------- inside

    function _record(bytes32 originId, uint64 size, bytes32 root) internal {
        if (size == 0) revert CheckpointEmpty();
        Head storage head_ = heads[originId];
        uint64 recorded = head_.size;
        if (size < recorded) revert SizeDecreased(recorded, size);
        if (size == recorded) {
            if (root != head_.root) revert RootConflict(size, head_.root, root);
            return;
        }
        head_.root = root;
        head_.size = size;
        head_.anchoredAt = uint64(block.timestamp);
        emit CheckpointAnchored(originId, size, root);
    }

    /// @dev The vault is trusted but not needed: whatever it does, the fork stays recorded.
    function _slash(bytes32 originId, bytes32 providerId, address signer) internal {
        // Else an operator could report itself with so little gas that the fork is recorded and the stake survives.
        uint256 needed = SLASH_GAS + SLASH_GAS / 32;
        if (gasleft() < needed) revert GasTooLow(needed, gasleft());
        try this.takeStake(providerId, keccak256(abi.encode(originId, signer)), msg.sender) returns (
            uint256 amount
        ) {
            emit OperatorSlashed(originId, providerId, amount, true);
        } catch {
            emit OperatorSlashed(originId, providerId, 0, false);
        }
    }

    /// @dev One frame of its own, so that it happens whole or not at all.
    function takeStake(bytes32 providerId, bytes32 potId, address reporter) external returns (uint256 amount) {
        if (msg.sender != address(this)) revert NotOperator(potId, msg.sender);
        amount = vault.lock(providerId, type(uint128).max);
        vault.seize(providerId, amount, potId);
        uint256 share = amount * REPORTER_BPS / 10_000;
        vault.pay(potId, reporter, share);
        vault.burn(potId, amount - share);
    }

    function _signerOf(bytes32 digest, bytes32[2] calldata rvs) internal pure returns (address signer) {
        (signer,,) = ECDSA.tryRecover(digest, rvs[0], rvs[1]);
    }
}
