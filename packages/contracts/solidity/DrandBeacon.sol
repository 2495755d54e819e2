// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRandomnessBeacon} from "./IRandomnessBeacon.sol";

/// @title DrandBeacon
/// @notice Rounds of a drand network, each checked on the chain: anybody brings a round's signature, and it counts
///         when the network's public key made it. Nobody can bend a round, for it has one valid signature; a threshold
///         of the network's members together could know it early.
/// @dev For drand's scheme bls-unchained-g1-rfc9380 (quicknet): the message is SHA-256 of the round as 8 bytes, hashed
///      to G1 as RFC 9380 says, signed with a key in G2. Needs the precompiles of EIP-2537 (Prague).
contract DrandBeacon is IRandomnessBeacon {
    /// @notice Coordinates of the network's public key, each in two words as EIP-2537 has them: x.c0, x.c1, y.c0, y.c1.
    struct PublicKey {
        bytes32[2] x0;
        bytes32[2] x1;
        bytes32[2] y0;
        bytes32[2] y1;
    }

    /// @notice When round 1 was due, in seconds since the epoch.
    uint64 public immutable genesis;
    /// @notice Time between two rounds, in seconds.
    uint64 public immutable period;
    /// @notice How far the real time may be ahead of a block's, in seconds: whoever sends a transaction may know
    ///         rounds up to then.
    uint64 public immutable margin;
    bytes32 internal immutable _x0Hi;
    bytes32 internal immutable _x0Lo;
    bytes32 internal immutable _x1Hi;
    bytes32 internal immutable _x1Lo;
    bytes32 internal immutable _y0Hi;
    bytes32 internal immutable _y0Lo;
    bytes32 internal immutable _y1Hi;
    bytes32 internal immutable _y1Lo;

    /// @inheritdoc IRandomnessBeacon
    /// @dev SHA-256 of the signature as drand publishes it, which is what drand calls the round's randomness.
    mapping(uint64 round => bytes32) public randomnessOf;

    /// @dev Precompiles of EIP-2537, and of EIP-198 for the reduction.
    address internal constant MODEXP = address(0x05);
    address internal constant G1_ADD = address(0x0b);
    address internal constant PAIRING = address(0x0f);
    address internal constant MAP_TO_G1 = address(0x10);
    /// @dev Order of the field, and the largest of the smaller halves of its elements.
    bytes16 internal constant P_HI = 0x1a0111ea397fe69a4b1ba7b6434bacd7;
    bytes32 internal constant P_LO = 0x64774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab;
    uint256 internal constant HALF_HI = 0x0d0088f51cbff34d258dd3db21a5d66b;
    uint256 internal constant HALF_LO = 0xb23ba5c279c2895fb39869507b587b120f55ffff58a9ffffdcff7fffffffd555;
    /// @dev Domain separation tag of the scheme, followed by its length (RFC 9380, section 5.3.1).
    bytes internal constant DST = "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_\x2b";
    /// @dev Generator of G2 with its y negated: one pairing product then compares two pairings.
    bytes internal constant NEGATED_GENERATOR =
        hex"00000000000000000000000000000000024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8"
        hex"0000000000000000000000000000000013e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e"
        hex"000000000000000000000000000000000d1b3cc2c7027888be51d9ef691d77bcb679afda66c73f17f9ee3837a55024f78c71363275a75d75d86bab79f74782aa"
        hex"0000000000000000000000000000000013fa4d4a0ad8b1ce186ed5061789213d993923066dddaf1040bc3ff59f825c78df74f2d75467e25e0f55f8a00fa030ed";

    event RoundRecorded(uint64 indexed round, bytes32 randomness);

    error PeriodZero();
    error RoundZero();
    /// @notice A signature has 96 bytes: x and y of a point of G1.
    error SignatureLength(uint256 given);
    /// @notice The signature is not the network's for this round.
    error SignatureWrong(uint64 round);
    /// @notice The chain lacks a precompile of EIP-2537.
    error PrecompileMissing(address precompile);

    constructor(PublicKey memory key, uint64 genesis_, uint64 period_, uint64 margin_) {
        if (period_ == 0) revert PeriodZero();
        (genesis, period, margin) = (genesis_, period_, margin_);
        (_x0Hi, _x0Lo) = (key.x0[0], key.x0[1]);
        (_x1Hi, _x1Lo) = (key.x1[0], key.x1[1]);
        (_y0Hi, _y0Lo) = (key.y0[0], key.y0[1]);
        (_y1Hi, _y1Lo) = (key.y1[0], key.y1[1]);
    }

    /// @notice Brings a round. Nothing happens when it is there already.
    /// @dev About 140,000 gas. A point outside the group costs all the gas that is sent along (EIP-2537).
    /// @param signature x and y of the signature's point, 48 bytes each; drand publishes x alone with y's sign.
    function record(uint64 round, bytes calldata signature) external returns (bytes32 randomness) {
        randomness = randomnessOf[round];
        if (randomness != 0) return randomness;
        if (round == 0) revert RoundZero();
        if (signature.length != 96) revert SignatureLength(signature.length);
        bytes memory point =
            abi.encodePacked(bytes16(0), signature[:48], bytes16(0), signature[48:], NEGATED_GENERATOR);
        bytes memory key = abi.encodePacked(_x0Hi, _x0Lo, _x1Hi, _x1Lo, _y0Hi, _y0Lo, _y1Hi, _y1Lo);
        bytes memory product =
            _call(PAIRING, abi.encodePacked(point, hashToG1(sha256(abi.encodePacked(round))), key), 32, round);
        if (abi.decode(product, (uint256)) != 1) revert SignatureWrong(round);
        randomness = sha256(_compressed(signature));
        randomnessOf[round] = randomness;
        emit RoundRecorded(round, randomness);
    }

    /// @inheritdoc IRandomnessBeacon
    function nextRound() external view returns (uint64 round) {
        // Round r is due at genesis + (r - 1)·period: the last one due by then, and one more.
        return uint64((block.timestamp + margin - genesis) / period) + 2;
    }

    /// @inheritdoc IRandomnessBeacon
    function biasableByProposer() external pure returns (bool) {
        return false;
    }

    /// @notice Hashes a message to a point of G1 (RFC 9380, BLS12381G1_XMD:SHA-256_SSWU_RO_), as EIP-2537 encodes it.
    function hashToG1(bytes32 message) public view returns (bytes memory) {
        // expand_message_xmd (section 5.3.1) for 128 bytes: four blocks of SHA-256 after the first.
        bytes32 b0 = sha256(abi.encodePacked(new bytes(64), message, hex"008000", DST));
        bytes32 b1 = sha256(abi.encodePacked(b0, hex"01", DST));
        bytes32 b2 = sha256(abi.encodePacked(b0 ^ b1, hex"02", DST));
        bytes32 b3 = sha256(abi.encodePacked(b0 ^ b2, hex"03", DST));
        bytes32 b4 = sha256(abi.encodePacked(b0 ^ b3, hex"04", DST));
        return _call(G1_ADD, abi.encodePacked(_mapToG1(b1, b2), _mapToG1(b3, b4)), 128, 0);
    }

    /// @dev 64 bytes, taken as a number, to an element of the field and from there to a point.
    function _mapToG1(bytes32 hi, bytes32 lo) internal view returns (bytes memory) {
        bytes memory reduced =
            _call(MODEXP, abi.encodePacked(uint256(64), uint256(1), uint256(48), hi, lo, hex"01", P_HI, P_LO), 48, 0);
        return _call(MAP_TO_G1, abi.encodePacked(bytes16(0), reduced), 128, 0);
    }

    /// @dev x with the flags of the compressed form: it is one, and whether y is the larger of two.
    function _compressed(bytes calldata signature) internal pure returns (bytes memory compressed) {
        uint256 yHi = uint128(bytes16(signature[48:64]));
        uint256 yLo = uint256(bytes32(signature[64:96]));
        bool larger = yHi > HALF_HI || (yHi == HALF_HI && yLo > HALF_LO);
        compressed = signature[:48];
        compressed[0] |= larger ? bytes1(0xa0) : bytes1(0x80);
    }

    /// @param round For the error, when the precompile refuses what it was given.
    function _call(address precompile, bytes memory input, uint256 length, uint64 round)
        internal
        view
        returns (bytes memory output)
    {
        bool done;
        (done, output) = precompile.staticcall(input);
        if (!done) revert SignatureWrong(round);
        if (output.length != length) revert PrecompileMissing(precompile);
    }
}
