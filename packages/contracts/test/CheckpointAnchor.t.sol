// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CheckpointAnchor} from "../solidity/CheckpointAnchor.sol";

interface Vm {
    function prank(address) external;
    function expectRevert(bytes calldata) external;
    function load(address, bytes32) external view returns (bytes32);
}

Vm constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

/// Drives the contract with random calls; the invariants below must hold after each of them.
contract Handler {
    CheckpointAnchor public immutable anchors;
    bytes32 public immutable id;
    uint64 public largest;
    mapping(uint64 => bytes32) public firstRoot;

    constructor(CheckpointAnchor anchors_, bytes32 id_) {
        anchors = anchors_;
        id = id_;
    }

    function anchor(uint64 size, bytes32 root) external {
        try anchors.anchor(id, size, root) {
            if (size > largest) largest = size;
            if (firstRoot[size] == 0) firstRoot[size] = root;
        } catch {}
    }

    function anchorNear(uint64 step, bytes32 root) external {
        this.anchor(largest + (step % 3), root);
    }
}

contract CheckpointAnchorTest {
    CheckpointAnchor internal anchors;
    Handler internal handler;
    bytes32 internal id;
    string internal constant ORIGIN = "log.example/one";

    function setUp() public {
        anchors = new CheckpointAnchor(address(this));
        id = anchors.registerOrigin(ORIGIN, address(this));
        bytes32 other = keccak256("log.example/two");
        handler = new Handler(anchors, other);
        anchors.registerOrigin("log.example/two", address(handler));
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function test_recordsAndReads() public {
        anchors.anchor(id, 7, bytes32(uint256(1)));
        (bytes32 root, uint64 size, uint64 at) = anchors.head(id);
        require(root == bytes32(uint256(1)) && size == 7 && at == uint64(block.timestamp), "head");
    }

    function testFuzz_layoutIsTheDocumentedOne(uint64 size, bytes32 root) public {
        if (size == 0) return;
        anchors.anchor(id, size, root);
        bytes32 slot = keccak256(abi.encode(id, uint256(0)));
        require(vm.load(address(anchors), slot) == root, "root slot");
        bytes32 second = vm.load(address(anchors), bytes32(uint256(slot) + 1));
        require(uint64(uint256(second)) == size, "size slot");
    }

    function testFuzz_neverDecreases(uint64 first, uint64 second, bytes32 root) public {
        if (first == 0 || second == 0 || second >= first) return;
        anchors.anchor(id, first, root);
        vm.expectRevert(abi.encodeWithSelector(CheckpointAnchor.SizeDecreased.selector, first, second));
        anchors.anchor(id, second, root);
    }

    function testFuzz_oneRootASize(uint64 size, bytes32 root, bytes32 other) public {
        if (size == 0 || root == other) return;
        anchors.anchor(id, size, root);
        anchors.anchor(id, size, root);
        vm.expectRevert(abi.encodeWithSelector(CheckpointAnchor.RootConflict.selector, size, root, other));
        anchors.anchor(id, size, other);
    }

    function testFuzz_onlyTheAnchorer(address caller, uint64 size) public {
        if (caller == address(this)) return;
        vm.prank(caller);
        vm.expectRevert(abi.encodeWithSelector(CheckpointAnchor.NotAnchorer.selector, id, caller));
        anchors.anchor(id, size, 0);
    }

    function testFuzz_onlyTheRegistrar(address caller) public {
        if (caller == address(this)) return;
        vm.prank(caller);
        vm.expectRevert(abi.encodeWithSelector(CheckpointAnchor.NotRegistrar.selector, caller));
        anchors.registerOrigin(ORIGIN, caller);
    }

    function test_refusesNothingness() public {
        vm.expectRevert(abi.encodeWithSelector(CheckpointAnchor.CheckpointEmpty.selector));
        anchors.anchor(id, 0, 0);
        vm.expectRevert(abi.encodeWithSelector(CheckpointAnchor.OriginEmpty.selector));
        anchors.registerOrigin("", address(this));
        vm.expectRevert(abi.encodeWithSelector(CheckpointAnchor.AnchorerZero.selector));
        anchors.registerOrigin(ORIGIN, address(0));
    }

    function test_rotation() public {
        anchors.anchor(id, 7, bytes32(uint256(1)));
        anchors.registerOrigin(ORIGIN, address(0xBEEF));
        vm.expectRevert(abi.encodeWithSelector(CheckpointAnchor.NotAnchorer.selector, id, address(this)));
        anchors.anchor(id, 8, bytes32(uint256(2)));
        vm.prank(address(0xBEEF));
        anchors.anchor(id, 8, bytes32(uint256(2)));
        (, uint64 size,) = anchors.head(id);
        require(size == 8, "the history goes on");
    }

    /// The head is always the largest size that was accepted, with the first root that it was given.
    function invariant_headIsLargestWithItsFirstRoot() public view {
        (bytes32 root, uint64 size,) = anchors.head(handler.id());
        require(size == handler.largest(), "size");
        require(root == handler.firstRoot(size), "root");
    }
}
