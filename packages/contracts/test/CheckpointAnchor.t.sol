// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {CheckpointAnchor} from "../solidity/CheckpointAnchor.sol";
import {EasAdapter} from "../solidity/EasAdapter.sol";
import {InclusionProof} from "../solidity/InclusionProof.sol";
import {Committee, Quorum, Signatures} from "../solidity/Quorum.sol";
import {IStakeVault} from "../solidity/IStakeVault.sol";
import {Fixture} from "./Fixture.sol";
import {vm} from "./Vm.sol";

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

contract CheckpointAnchorTest is Fixture {
    CheckpointAnchor internal anchors;
    Handler internal handler;
    bytes32 internal id;
    string internal constant ORIGIN = "log.example/one";

    function setUp() public {
        deployEconomy();
        anchors = new CheckpointAnchor(address(authority), vault);
        allow(address(anchors));
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
        (bytes32 root, uint64 size, uint64 anchoredAt) = anchors.head(id);
        require(root == bytes32(uint256(1)) && size == 7 && anchoredAt == uint64(block.timestamp), "head");
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
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, caller));
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

    // ------------------------------------------------------------------------------------------------- history

    function test_historyKeepsRootsForContracts() public {
        InclusionProof proofs = new InclusionProof(anchors);
        bytes32[3] memory leaves = [leaf("a"), leaf("b"), leaf("c")];
        bytes32 two = node(leaves[0], leaves[1]);
        bytes32 three = node(two, leaves[2]);
        anchors.anchorWithHistory(id, 2, two);
        anchors.anchor(id, 3, three);
        bytes32[] memory path = new bytes32[](1);
        path[0] = leaves[1];
        require(proofs.isLogged(id, 2, leaves[0], 0, path), "history");
        path[0] = two;
        require(proofs.isLogged(id, 3, leaves[2], 2, path), "head");
        require(!proofs.isLogged(id, 3, leaves[2], 1, path), "another index");
        require(!proofs.isLogged(id, 4, leaves[2], 2, path), "another size");
        require(!proofs.isLogged(id, 0, leaves[2], 0, new bytes32[](0)), "no size");
        anchors.anchorWithHistory(id, 4, node(two, two));
        require(anchors.rootAt(id, 3) == 0, "no history was asked for");
        require(proofs.leafHash("c") == leaves[2], "leaf");
        vm.prank(address(0xBEEF));
        vm.expectRevert(abi.encodeWithSelector(CheckpointAnchor.NotAnchorer.selector, id, address(0xBEEF)));
        anchors.anchorWithHistory(id, 5, two);
    }

    // ------------------------------------------------------------------------------------------------ witnesses

    function test_anybodyAnchorsWhatWitnessesSignedAndWhatExtendsTheHead() public {
        anchors.setWitnesses(id, committee);
        bytes32[3] memory leaves = [leaf("a"), leaf("b"), leaf("c")];
        bytes32 two = node(leaves[0], leaves[1]);
        bytes32 three = node(two, leaves[2]);
        bytes32[] memory none = new bytes32[](0);
        vm.startPrank(address(0xBEEF));
        anchors.anchorProven(ORIGIN, 2, two, none, committee, witnessed(2, two));

        Signatures memory signatures = witnessed(3, three);
        vm.expectRevert(abi.encodeWithSelector(CheckpointAnchor.NotConsistent.selector, 2, 3));
        anchors.anchorProven(ORIGIN, 3, three, none, committee, signatures);
        bytes32[] memory path = new bytes32[](1);
        path[0] = leaves[0];
        vm.expectRevert(abi.encodeWithSelector(CheckpointAnchor.NotConsistent.selector, 2, 3));
        anchors.anchorProven(ORIGIN, 3, three, path, committee, signatures);
        path[0] = leaves[2];
        anchors.anchorProven(ORIGIN, 3, three, path, committee, signatures);
        // Again, and an older one: neither does harm.
        anchors.anchorProven(ORIGIN, 3, three, none, committee, signatures);
        signatures = witnessed(2, two);
        vm.expectRevert(abi.encodeWithSelector(CheckpointAnchor.SizeDecreased.selector, 3, 2));
        anchors.anchorProven(ORIGIN, 2, two, none, committee, signatures);
        (bytes32 root, uint64 size,) = anchors.head(id);
        require(root == three && size == 3, "head");

        signatures = witnessed(3, two);
        vm.expectPartialRevert(CheckpointAnchor.RootConflict.selector);
        anchors.anchorProven(ORIGIN, 3, two, none, committee, signatures);
        vm.expectPartialRevert(Quorum.SignatureInvalid.selector);
        anchors.anchorProven(ORIGIN, 4, three, none, committee, signatures);
        signatures = signed(committeeKeys, 2, anchors.checkpointDigest(id, 4, three));
        vm.expectRevert(abi.encodeWithSelector(Quorum.QuorumMissed.selector, 3, 2));
        anchors.anchorProven(ORIGIN, 4, three, none, committee, signatures);
        vm.expectRevert(
            abi.encodeWithSelector(CheckpointAnchor.OriginUnknown.selector, keccak256("log.example/two"))
        );
        anchors.anchorProven("log.example/two", 4, three, none, committee, signatures);
        vm.stopPrank();
    }

    function test_witnessesChangeByEpochAndOnlyByTheRegistrar() public {
        anchors.setWitnesses(id, committee);
        vm.expectRevert(abi.encodeWithSelector(CheckpointAnchor.EpochUnexpected.selector, 2, 1));
        anchors.setWitnesses(id, committee);
        vm.expectRevert(abi.encodeWithSelector(CheckpointAnchor.OriginUnknown.selector, bytes32("none")));
        anchors.setWitnesses("none", committee);
        bytes memory refused = abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, address(1));
        vm.startPrank(address(1));
        vm.expectRevert(refused);
        anchors.setWitnesses(id, committee);
        vm.expectRevert(refused);
        anchors.setOperator(id, address(1), 0);
        vm.stopPrank();
    }

    /// The same on every chain and in every contract: a checkpoint is a fact about a log.
    function test_theCheckpointsDomainNamesNoChain() public {
        bytes32 here = anchors.checkpointDigest(id, 7, "root");
        vm.chainId(5);
        CheckpointAnchor elsewhere = new CheckpointAnchor(address(authority), vault);
        require(elsewhere.checkpointDigest(id, 7, "root") == here, "digest");
        require(
            anchors.DOMAIN_SEPARATOR()
                == keccak256(
                    abi.encode(
                        keccak256("EIP712Domain(string name,string version)"),
                        keccak256("Assay Checkpoint"),
                        keccak256("1")
                    )
                ),
            "domain"
        );
    }

    // ---------------------------------------------------------------------------------------------------- forks

    function test_aForkCostsTheOperatorAllItsStake() public {
        bytes32 providerId = operatorWithStake(1_000e18);
        anchors.setWitnesses(id, committee);
        uint256 supply = token.totalSupply();
        vm.startPrank(address(0xBEEF));
        anchors.proveEquivocation(ORIGIN, 7, "a", by(77, 7, "a"), "b", by(77, 7, "b"));
        vm.stopPrank();
        (uint256 total,,,) = vault.stakeOf(providerId);
        require(total == 0 && vault.owed(address(0xBEEF)) == 100e18, "slashed");
        require(supply - token.totalSupply() == 900e18, "burned");
        (, bool forked,) = anchors.operatorOf(id, vm.addr(77));
        require(forked && anchors.currentSigner(id) == address(0), "recorded");

        vm.expectRevert(abi.encodeWithSelector(CheckpointAnchor.NotAnchorer.selector, id, address(this)));
        anchors.anchor(id, 8, "root");
        Signatures memory signatures = witnessed(8, "root");
        vm.expectRevert(abi.encodeWithSelector(CheckpointAnchor.OriginUnknown.selector, id));
        anchors.anchorProven(ORIGIN, 8, "root", new bytes32[](0), committee, signatures);
        bytes32[2] memory a = by(77, 7, "a");
        bytes32[2] memory c = by(77, 7, "c");
        vm.expectRevert(abi.encodeWithSelector(CheckpointAnchor.AlreadyProved.selector, id, vm.addr(77)));
        anchors.proveEquivocation(ORIGIN, 7, "a", a, "c", c);

        anchors.registerOrigin(ORIGIN, address(this));
        vm.expectRevert(abi.encodeWithSelector(CheckpointAnchor.SignerForked.selector, vm.addr(77)));
        anchors.setOperator(id, vm.addr(77), providerId);
        anchors.setOperator(id, vm.addr(78), providerId);
        anchors.anchor(id, 8, "root");
    }

    function test_aKeyThatWasReplacedStillAnswers() public {
        operatorWithStake(10e18);
        anchors.setOperator(id, vm.addr(78), "another provider");
        anchors.proveEquivocation(ORIGIN, 7, "a", by(77, 7, "a"), "b", by(77, 7, "b"));
        (, bool forked, bytes32 providerId) = anchors.operatorOf(id, vm.addr(77));
        (uint256 total,,,) = vault.stakeOf(providerId);
        require(forked && total == 0, "slashed");
        anchors.anchor(id, 8, "the next operator is blameless");
    }

    /// With little gas the fork was once recorded and the stake survived.
    function testFuzz_noAmountOfGasSavesTheStakeOfAForkedLog(uint256 gasGiven) public {
        gasGiven = 30_000 + gasGiven % 900_000;
        bytes32 providerId = operatorWithStake(1_000e18);
        bytes32[2] memory a = by(77, 7, "a");
        bytes32[2] memory b = by(77, 7, "b");
        try anchors.proveEquivocation{gas: gasGiven}(ORIGIN, 7, "a", a, "b", b) {
            (uint256 staked,,,) = vault.stakeOf(providerId);
            require(staked == 0, "taken");
        } catch {
            (, bool forked,) = anchors.operatorOf(id, vm.addr(77));
            require(!forked, "nothing happened");
        }
    }

    function test_whatIsNoForkIsRefused() public {
        operatorWithStake(10e18);
        bytes32[2] memory a = by(77, 7, "a");
        bytes32[2] memory b = by(77, 7, "b");
        bytes32[2] memory later = by(77, 8, "b");
        bytes32[2] memory stranger = by(79, 7, "b");
        vm.expectRevert(CheckpointAnchor.NoConflict.selector);
        anchors.proveEquivocation(ORIGIN, 7, "a", a, "a", a);
        vm.expectRevert(CheckpointAnchor.NoConflict.selector);
        anchors.proveEquivocation(ORIGIN, 7, "a", a, "b", later);
        vm.expectRevert(CheckpointAnchor.NoConflict.selector);
        anchors.proveEquivocation(ORIGIN, 7, "a", a, "b", stranger);
        vm.expectRevert(abi.encodeWithSelector(CheckpointAnchor.NotOperator.selector, id, vm.addr(79)));
        anchors.proveEquivocation(ORIGIN, 7, "b", stranger, "a", a);
        bytes32[2] memory nothing;
        vm.expectRevert(abi.encodeWithSelector(CheckpointAnchor.NotOperator.selector, id, address(0)));
        anchors.proveEquivocation(ORIGIN, 7, "a", nothing, "b", b);
        vm.expectPartialRevert(CheckpointAnchor.NotOperator.selector);
        anchors.proveEquivocation("log.example/two", 7, "a", a, "b", b);
    }

    /// A vault that refuses, or that is none, cannot hide a fork.
    function test_aForkIsRecordedWhateverTheVaultDoes() public {
        CheckpointAnchor poor = new CheckpointAnchor(address(authority), IStakeVault(address(0xDEAD)));
        poor.registerOrigin(ORIGIN, address(this));
        poor.setOperator(id, vm.addr(77), "provider");
        poor.proveEquivocation(ORIGIN, 7, "a", by(77, 7, "a"), "b", by(77, 7, "b"));
        (, bool forked,) = poor.operatorOf(id, vm.addr(77));
        require(forked, "recorded");
        vm.expectPartialRevert(CheckpointAnchor.NotOperator.selector);
        anchors.takeStake("provider", "pot", address(this));
    }

    function test_operatorsNeedAKeyAndALog() public {
        vm.expectRevert(CheckpointAnchor.SignerZero.selector);
        anchors.setOperator(id, address(0), "provider");
        vm.expectRevert(abi.encodeWithSelector(CheckpointAnchor.OriginUnknown.selector, bytes32("none")));
        anchors.setOperator("none", address(1), "provider");
    }

    // ------------------------------------------------------------------------------------------------------ EAS

    function test_whateverEasDoesTheAnchorStands() public {
        EasAdapter adapter = new EasAdapter(address(authority), anchors);
        anchors.registerOrigin(ORIGIN, address(adapter));
        address[5] memory targets = [
            address(0),
            address(0xDEAD),
            address(new Reverts()),
            address(new BurnsGas()),
            address(new Floods())
        ];
        for (uint64 i = 0; i < targets.length; ++i) {
            adapter.setEas(targets[i]);
            uint256 before = gasleft();
            adapter.anchor(id, i + 1, keccak256(abi.encode(i)));
            require(before - gasleft() < 400_000, "bounded");
            (, uint64 size,) = anchors.head(id);
            require(size == i + 1, "anchored");
        }
        adapter.setEas(address(new Reverts()));
        vm.expectPartialRevert(EasAdapter.GasTooLow.selector);
        adapter.anchor{gas: 100_000}(id, 9, "root");
        vm.prank(address(0xBEEF));
        vm.expectRevert(
            abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, address(0xBEEF))
        );
        adapter.anchor(id, 9, "root");
    }

    // -------------------------------------------------------------------------------------------------- helpers

    function operatorWithStake(uint128 stake) internal returns (bytes32 providerId) {
        providerId = provider(address(0x0BE7), stake);
        anchors.setOperator(id, vm.addr(77), providerId);
    }

    function by(uint256 key, uint64 size, bytes32 root) internal view returns (bytes32[2] memory) {
        return compact(key, anchors.checkpointDigest(id, size, root));
    }

    function witnessed(uint64 size, bytes32 root) internal view returns (Signatures memory) {
        return signed(committeeKeys, 3, anchors.checkpointDigest(id, size, root));
    }

    function leaf(bytes memory entry) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(bytes1(0x00), entry));
    }

    function node(bytes32 left, bytes32 right) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(bytes1(0x01), left, right));
    }
}

contract Reverts {
    fallback() external {
        revert("no");
    }
}

contract BurnsGas {
    fallback() external {
        while (true) {}
    }
}

/// Answers with more than anybody wants to pay for.
contract Floods {
    fallback() external {
        assembly {
            return(0, 30000)
        }
    }
}
