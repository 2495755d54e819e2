// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DrandBeacon} from "../solidity/DrandBeacon.sol";
import {PrevrandaoBeacon} from "../solidity/PrevrandaoBeacon.sol";
import {vm} from "./Vm.sol";

contract DrandBeaconTest {
    uint64 internal constant GENESIS = 1_692_803_367;
    DrandBeacon internal beacon;

    // Rounds of quicknet as drand published them; y was computed from x and its sign.
    bytes internal constant ROUND_123 =
        hex"175c69d0b72a5d906e854e808ba7e2accb1542ac355ae486d591aa9d43765482e26cd02df835d3546d23c4b13e0dfc92"
        hex"0f3894d8ccd4bb5edc3fca0f1f67f658559b86a360dd0128c3b64c12141372bb22276f0a00720b51125a9996b722b23f";
    bytes internal constant ROUND_1000 =
        hex"144679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39"
        hex"11f92e4521ef54f047b64b85fa98db2d46f0f44add1f60b93f8a0dbddd63b34f238657c2d93aed18b90bddd60a01b6d2";

    function setUp() external {
        beacon = new DrandBeacon(
            DrandBeacon.PublicKey({
                x0: [
                    bytes32(0x000000000000000000000000000000000d1fec758c921cc22b0e17e63aaf4bcb),
                    0x5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a
                ],
                x1: [
                    bytes32(0x0000000000000000000000000000000003cf0f2896adee7eb8b5f01fcad39122),
                    0x12c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d106451
                ],
                y0: [
                    bytes32(0x000000000000000000000000000000000e5db2b6bfbb01c867749cadffca88b3),
                    0x6c24f3012ba09fc4d3022c5c37dce0f977d3adb5d183c7477c442b1f04515273
                ],
                y1: [
                    bytes32(0x0000000000000000000000000000000001a714f2edb74119a2f2b0d5a7c75ba9),
                    0x02d163700a61bc224ededd8e63aef7be1aaf8e93d7a9718b047ccddb3eb5d68b
                ]
            }),
            GENESIS,
            3,
            60
        );
    }

    function test_publishedRoundsAreTaken() external {
        require(
            beacon.record(1_000, ROUND_1000) == 0xfe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd,
            "round 1000"
        );
        require(
            beacon.randomnessOf(1_000) == 0xfe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd, "kept"
        );
        // SHA-256 of the signature that drand publishes for round 123, b75c69d0...
        require(
            beacon.record(123, ROUND_123)
                == sha256(
                    hex"b75c69d0b72a5d906e854e808ba7e2accb1542ac355ae486d591aa9d43765482e26cd02df835d3546d23c4b13e0dfc92"
                ),
            "round 123"
        );
        require(!beacon.biasableByProposer(), "bendable");
        // Again, with whatever: nothing happens.
        beacon.record(1_000, "");
    }

    function test_signaturesOfOthersAreRefused() external {
        expectWrong(124, ROUND_123);
        expectWrong(123, ROUND_1000);
        vm.expectRevert(DrandBeacon.RoundZero.selector);
        beacon.record(0, ROUND_123);
        vm.expectRevert(abi.encodeWithSelector(DrandBeacon.SignatureLength.selector, 0));
        beacon.record(5, "");
        // The point at infinity pairs with everything to one.
        expectWrong(123, new bytes(96));
    }

    /// The other point with the same x is the signature's negative.
    function test_theNegatedSignatureIsRefused() external {
        bytes memory negated = ROUND_123;
        bytes memory y = hex"0ac87d116cab2b3b6edbdda723e3b67f0edbc4e192a81196a37a868ee29d8368fc8490f4b0e1f4aea7a4666948dcf86c";
        for (uint256 i = 0; i < 48; ++i) negated[48 + i] = y[i];
        expectWrong(123, negated);
    }

    function testFuzz_aFlippedBitIsRefused(uint256 bit) external {
        bytes memory signature = ROUND_123;
        bit %= 768;
        signature[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        expectWrong(123, signature);
    }

    function testFuzz_anotherRoundIsRefused(uint64 round) external {
        vm.assume(round != 123 && round != 0);
        expectWrong(round, ROUND_123);
    }

    /// A point on the curve that is not in the group of prime order: (0, 2).
    function test_pointsOutsideTheGroupAreRefused() external {
        bytes memory point = new bytes(96);
        point[95] = 0x02;
        expectWrong(123, point);
    }

    function test_theNextRoundIsOneThatNobodyKnows() external {
        vm.warp(GENESIS);
        // With 60 seconds to spare round 21, due at genesis + 60, may be known: 22 is not.
        require(beacon.nextRound() == 22, "at the start");
        vm.warp(GENESIS + 2);
        require(beacon.nextRound() == 22, "two seconds later");
        vm.warp(GENESIS + 3);
        require(beacon.nextRound() == 23, "three seconds later");
    }

    function test_aChainWithoutThePrecompilesSaysSo() external {
        // As on such a chain: the call does nothing and succeeds.
        vm.mockCall(address(0x10), "", "");
        vm.expectRevert(abi.encodeWithSelector(DrandBeacon.PrecompileMissing.selector, address(0x10)));
        beacon.record(123, ROUND_123);
    }

    function test_aPeriodIsNeeded() external {
        bytes32[2] memory zero;
        vm.expectRevert(DrandBeacon.PeriodZero.selector);
        new DrandBeacon(DrandBeacon.PublicKey(zero, zero, zero, zero), 0, 0, 0);
    }

    function expectWrong(uint64 round, bytes memory signature) internal {
        vm.expectRevert(abi.encodeWithSelector(DrandBeacon.SignatureWrong.selector, round));
        beacon.record(round, signature);
    }
}

contract PrevrandaoBeaconTest {
    PrevrandaoBeacon internal beacon;

    function setUp() external {
        beacon = new PrevrandaoBeacon();
        vm.roll(1_000);
    }

    function test_roundsLieAhead() external view {
        require(beacon.nextRound() == 1_004, "four blocks");
        require(beacon.biasableByProposer(), "a proposer can bend it");
    }

    function test_blocksThatAreNotKnownAreRefused() external {
        vm.expectRevert(abi.encodeWithSelector(PrevrandaoBeacon.BlockUnknown.selector, 1_000));
        beacon.record(1_000, "");
        vm.expectRevert(abi.encodeWithSelector(PrevrandaoBeacon.BlockUnknown.selector, 2_000));
        beacon.record(2_000, "");
        vm.expectRevert(abi.encodeWithSelector(PrevrandaoBeacon.BlockUnknown.selector, 5));
        beacon.record(5, "");
    }

    function test_theFieldIsRead() external {
        bytes memory header = headerWith(keccak256("prevrandao"), 32);
        vm.setBlockhash(999, keccak256(header));
        require(beacon.record(999, header) == keccak256(abi.encode(uint64(999), keccak256("prevrandao"))), "field");
        require(beacon.randomnessOf(999) != 0, "kept");
        beacon.record(999, "");
    }

    function test_anotherHeaderIsRefused() external {
        bytes memory header = headerWith(keccak256("prevrandao"), 32);
        vm.setBlockhash(999, keccak256(header));
        header[100] ^= 0x01;
        vm.expectRevert(
            abi.encodeWithSelector(PrevrandaoBeacon.HeaderWrong.selector, blockhash(999), keccak256(header))
        );
        beacon.record(999, header);
    }

    /// Whatever has the block's hash and is no header is refused, and never read beyond its end.
    function testFuzz_malformedHeadersAreRefused(bytes memory header, uint256 cut) external {
        vm.setBlockhash(999, keccak256(header));
        vm.expectRevert();
        beacon.record(999, header);
        bytes memory real = headerWith(keccak256("x"), 32);
        // Up to the last byte of prevrandao.
        bytes memory shorter = new bytes(cut % (prevrandaoEnd(real) - 1));
        for (uint256 i = 0; i < shorter.length; ++i) shorter[i] = real[i];
        vm.setBlockhash(999, keccak256(shorter));
        vm.expectRevert(PrevrandaoBeacon.HeaderMalformed.selector);
        beacon.record(999, shorter);
    }

    function test_aFieldOfAnotherLengthIsRefused() external {
        bytes memory header = headerWith(keccak256("prevrandao"), 31);
        vm.setBlockhash(999, keccak256(header));
        vm.expectRevert(PrevrandaoBeacon.HeaderMalformed.selector);
        beacon.record(999, header);
    }

    function test_olderBlocksComeFromTheHistory() external {
        vm.roll(5_000);
        bytes memory header = headerWith(keccak256("prevrandao"), 32);
        // The history contract answers with the hash of block 999.
        vm.mockCall(
            address(0x0000F90827F1C53a10cb7A02335B175320002935),
            abi.encode(uint256(999)),
            abi.encode(keccak256(header))
        );
        require(beacon.record(999, header) != 0, "from the history");
    }

    /// Fields of all lengths: hashes, a bloom filter, numbers of no, one and more bytes, and text.
    function headerWith(bytes32 prevrandao, uint256 length) internal pure returns (bytes memory) {
        bytes memory start = abi.encodePacked(
            hex"a0", keccak256("parent"), hex"a0", keccak256("ommers"), hex"94", bytes20(keccak256("coinbase")),
            hex"a0", keccak256("state"), hex"a0", keccak256("transactions"), hex"a0", keccak256("receipts"),
            hex"b90100", new bytes(256)
        );
        bytes memory middle =
            abi.encodePacked(hex"80", hex"8203e7", hex"8401c9c380", hex"05", hex"8467890abc", hex"85", "extra");
        bytes memory end = length == 32
            ? abi.encodePacked(hex"a0", prevrandao, hex"880000000000000000")
            : abi.encodePacked(hex"9f", bytes31(prevrandao), hex"880000000000000000");
        bytes memory content = abi.encodePacked(start, middle, end);
        return abi.encodePacked(hex"f9", uint16(content.length), content);
    }

    function prevrandaoEnd(bytes memory header) internal pure returns (uint256) {
        return header.length - 9;
    }
}
