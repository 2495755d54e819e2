// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRandomnessBeacon} from "./IRandomnessBeacon.sol";

/// @title PrevrandaoBeacon
/// @notice The randomness of the chain's own blocks (EIP-4399), for chains without a better beacon. A round is the
///         number of a block; anybody brings that block's header.
/// @dev A proposer knows what his block would draw and can give the block up: one more draw for each slot in a row
///      that is his, at the price of those blocks' rewards. `biasableByProposer` says so, and SamplingCourt asks for
///      higher rates. Rounds are read from the header and not from the block that asks, so that nobody chooses among
///      blocks by choosing when to ask.
contract PrevrandaoBeacon is IRandomnessBeacon {
    /// @notice Blocks between a question and its answer.
    uint64 public constant DELAY_BLOCKS = 4;
    /// @dev Keeps the last 8,191 block hashes (EIP-2935).
    address internal constant HISTORY = 0x0000F90827F1C53a10cb7A02335B175320002935;
    /// @dev Place of prevrandao (before the Merge: mixHash) among a header's fields.
    uint256 internal constant PREVRANDAO_FIELD = 13;

    /// @inheritdoc IRandomnessBeacon
    mapping(uint64 round => bytes32) public randomnessOf;

    event RoundRecorded(uint64 indexed round, bytes32 randomness);

    /// @notice The chain no longer knows the block's hash, or does not have the block yet.
    error BlockUnknown(uint64 round);
    /// @notice The header is another block's.
    error HeaderWrong(bytes32 expected, bytes32 given);
    /// @notice The header has no such field: no header that a chain accepted gets here.
    error HeaderMalformed();

    /// @notice Brings a round: a block's randomness, out of its header. Nothing happens when it is there already.
    /// @param header RLP of the block's header.
    function record(uint64 round, bytes calldata header) external returns (bytes32 randomness) {
        randomness = randomnessOf[round];
        if (randomness != 0) return randomness;
        bytes32 expected = _hashOf(round);
        bytes32 given = keccak256(header);
        if (given != expected) revert HeaderWrong(expected, given);
        randomness = keccak256(abi.encode(round, _prevrandao(header)));
        randomnessOf[round] = randomness;
        emit RoundRecorded(round, randomness);
    }

    /// @inheritdoc IRandomnessBeacon
    function nextRound() external view returns (uint64 round) {
        return uint64(block.number) + DELAY_BLOCKS;
    }

    /// @inheritdoc IRandomnessBeacon
    function biasableByProposer() external pure returns (bool) {
        return true;
    }

    function _hashOf(uint64 round) internal view returns (bytes32 hash) {
        if (round >= block.number) revert BlockUnknown(round);
        hash = blockhash(round);
        if (hash != 0) return hash;
        (bool done, bytes memory answer) = HISTORY.staticcall(abi.encode(uint256(round)));
        if (done && answer.length == 32) hash = abi.decode(answer, (bytes32));
        if (hash == 0) revert BlockUnknown(round);
    }

    /// @dev Walks over the fields before it. A header is a list of strings, most shorter than 56 bytes.
    function _prevrandao(bytes calldata header) internal pure returns (bytes32) {
        uint256 offset = _contentOf(header, 0);
        for (uint256 field = 0; field < PREVRANDAO_FIELD; ++field) {
            uint8 first = _byteAt(header, offset);
            if (first < 0x80) ++offset;
            else if (first < 0xb8) offset += 1 + uint256(first) - 0x80;
            else offset = _contentOf(header, offset) + _lengthOf(header, offset);
        }
        if (_byteAt(header, offset) != 0xa0 || header.length < offset + 33) revert HeaderMalformed();
        return bytes32(header[offset + 1:offset + 33]);
    }

    /// @dev Where the content of a long string or list begins whose first byte says how many bytes its length has.
    function _contentOf(bytes calldata header, uint256 offset) internal pure returns (uint256) {
        return offset + 1 + _lengthBytes(header, offset);
    }

    function _lengthOf(bytes calldata header, uint256 offset) internal pure returns (uint256 length) {
        uint256 count = _lengthBytes(header, offset);
        for (uint256 i = 1; i <= count; ++i) length = (length << 8) | _byteAt(header, offset + i);
    }

    function _lengthBytes(bytes calldata header, uint256 offset) internal pure returns (uint256) {
        uint8 first = _byteAt(header, offset);
        if (first >= 0xf8) return uint256(first) - 0xf7;
        if (first >= 0xb8 && first < 0xc0) return uint256(first) - 0xb7;
        revert HeaderMalformed();
    }

    function _byteAt(bytes calldata header, uint256 offset) internal pure returns (uint8) {
        if (offset >= header.length) revert HeaderMalformed();
        return uint8(header[offset]);
    }
}
