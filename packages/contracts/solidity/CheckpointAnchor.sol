// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title CheckpointAnchor
/// @notice Records the newest checkpoint of transparency logs, so that a log can no longer show a shorter or
///         another tree than the one that a block holds. The newest one suffices: an older checkpoint is proved
///         by the state of the block that recorded it.
/// @dev The storage layout is part of the interface: `heads` is slot 0, and off-line verifiers read
///      `heads[originId].root` at keccak256(originId . 0) and `.size` in the slot after it, by state proof.
contract CheckpointAnchor {
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

    /// @notice The only account that may record checkpoints of a log, by origin id.
    mapping(bytes32 originId => address) public anchorerOf;

    /// @notice The only account that may register logs and replace their anchorers.
    address public immutable registrar;

    /// @notice A log was registered, or its anchorer replaced.
    /// @param originId keccak256(bytes(origin))
    event OriginRegistered(bytes32 indexed originId, string origin, address indexed anchorer);
    /// @notice A log grew to a new checkpoint.
    event CheckpointAnchored(bytes32 indexed originId, uint64 indexed size, bytes32 root);

    /// @notice Only the registrar may register logs.
    error NotRegistrar(address caller);
    /// @notice Only the log's anchorer may record its checkpoints.
    error NotAnchorer(bytes32 originId, address caller);
    /// @notice A log's origin is at least one character.
    error OriginEmpty();
    /// @notice A log needs an anchorer.
    error AnchorerZero();
    /// @notice The log has more entries than the checkpoint given: a log never gets shorter.
    error SizeDecreased(uint64 recorded, uint64 given);
    /// @notice This size is recorded with another root: one of both checkpoints shows a forked log.
    error RootConflict(uint64 size, bytes32 recorded, bytes32 given);
    /// @notice The checkpoint of an empty log proves nothing.
    error CheckpointEmpty();

    /// @param registrar_ Account that registers logs and names their anchorers. It decides who may record from now
    ///        on; what is recorded it can neither shorten nor change, and nobody can.
    constructor(address registrar_) {
        registrar = registrar_;
    }

    /// @notice Registers a log, or replaces the account that may anchor it (key rotation).
    /// @dev Only the registrar: an origin cannot be taken by whoever sees it first.
    /// @param origin Origin line of the log's checkpoints.
    /// @param anchorer The account that may record checkpoints of it from now on.
    /// @return originId keccak256(bytes(origin))
    function registerOrigin(string calldata origin, address anchorer) external returns (bytes32 originId) {
        if (msg.sender != registrar) revert NotRegistrar(msg.sender);
        if (bytes(origin).length == 0) revert OriginEmpty();
        if (anchorer == address(0)) revert AnchorerZero();
        originId = keccak256(bytes(origin));
        anchorerOf[originId] = anchorer;
        emit OriginRegistered(originId, origin, anchorer);
    }

    /// @notice Records a checkpoint. A size never decreases, and never gets a second root.
    /// @dev The same checkpoint again changes nothing, so that a retried transaction is harmless.
    /// @param originId keccak256(bytes(origin))
    /// @param size Number of entries in the tree.
    /// @param root RFC 6962 root hash of the tree.
    function anchor(bytes32 originId, uint64 size, bytes32 root) external {
        if (msg.sender != anchorerOf[originId]) revert NotAnchorer(originId, msg.sender);
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

    /// @notice The newest checkpoint of a log; all zero before the first.
    function head(bytes32 originId) external view returns (bytes32 root, uint64 size, uint64 anchoredAt) {
        Head storage head_ = heads[originId];
        return (head_.root, head_.size, head_.anchoredAt);
    }
}
