// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {IERC2981} from "@openzeppelin/contracts/interfaces/IERC2981.sol";
import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {Base64} from "@openzeppelin/contracts/utils/Base64.sol";
import {Author, Claim, ContentRegistry} from "../solidity/ContentRegistry.sol";
import {IVerdicts} from "../solidity/IVerdicts.sol";
import {Committee, Quorum, Signatures} from "../solidity/Quorum.sol";
import {RoyaltySplitter} from "../solidity/RoyaltySplitter.sol";
import {VerdictProof} from "../solidity/VerdictCourt.sol";
import {Fixture} from "./Fixture.sol";
import {vm} from "./Vm.sol";

bytes32 constant NEAR_DUPLICATE = keccak256("near-duplicate data contract");

/// A court whose verdicts are set by the test, where it is about what the registry makes of them.
contract SettableVerdicts is IVerdicts {
    uint8 internal decision;
    uint8 internal level;
    uint48 internal finalAt;

    function set(uint8 decision_, uint8 level_, uint48 finalAt_) external {
        (decision, level, finalAt) = (decision_, level_, finalAt_);
    }

    function verdictOf(bytes32, bytes32) external view returns (uint8, uint8, uint48) {
        return (decision, level, finalAt);
    }
}

/// Refuses everything: ether, tokens, and to be asked.
contract Refuser {
    fallback() external payable {
        revert("no");
    }
}

/// Tries to be paid twice.
contract Greedy {
    RoyaltySplitter public splitter;

    function aim(RoyaltySplitter splitter_) external {
        splitter = splitter_;
    }

    receive() external payable {
        splitter.release(address(0), 0);
    }
}

abstract contract ContentFixture is Fixture {
    ContentRegistry internal contents;
    bytes32 internal providerId;
    address internal alice = address(0xA11CE);
    address internal bob = address(0xB0B);
    address internal carol = address(0xCA401);

    function deployContents() internal {
        deployEconomy();
        criteria.set(NEAR_DUPLICATE, terms());
        providerId = provider(address(0x9), 0);
        contents = new ContentRegistry(address(authority), vault, contentTerms(IVerdicts(address(court))));
        allow(address(contents));
        contents.setReviewers(reviewers);
        funded(alice, 100_000e18);
        funded(bob, 100_000e18);
        funded(carol, 100_000e18);
    }

    function contentTerms(IVerdicts verdicts) internal pure returns (ContentRegistry.Terms memory) {
        return ContentRegistry.Terms({
            court: verdicts,
            requiredLevel: 2,
            rulingSeconds: 2 days,
            burnBps: 5_000,
            contractDigest: NEAR_DUPLICATE,
            bond: 100e18
        });
    }

    function claimOf(bytes32 content, address owner) internal pure returns (Claim memory claim) {
        claim.content = content;
        claim.owner = owner;
        claim.royaltyBps = 500;
        claim.derivativeBps = 1_000;
        claim.authors = new Author[](1);
        claim.authors[0] = Author(owner, 10_000);
    }

    function derived(bytes32 content, address owner, bytes32 parent) internal pure returns (Claim memory claim) {
        claim = claimOf(content, owner);
        claim.parents = new bytes32[](1);
        claim.parents[0] = parent;
    }

    /// The court accepts the claim, finally.
    function accepted(Claim memory claim) internal {
        decided(claim, 1);
    }

    function decided(Claim memory claim, uint8 decision) internal {
        bytes32 subject = contents.subjectOf(claim);
        (uint8 known,,) = court.verdictOf(NEAR_DUPLICATE, subject);
        if (known != 0) return;
        VerdictProof memory proof = postOne(NEAR_DUPLICATE, providerId, subject, decision);
        vm.warp(block.timestamp + 1 days + 1);
        court.finalise(proof);
    }

    function minted(Claim memory claim) internal returns (RoyaltySplitter) {
        accepted(claim);
        contents.mint(claim);
        return splitterOf(claim.content);
    }

    function splitterOf(bytes32 content) internal view returns (RoyaltySplitter) {
        return RoyaltySplitter(payable(contents.workOf(content).splitter));
    }

    function disputeBy(address who, bytes32 content) internal {
        vm.prank(who);
        contents.dispute(content, "look here");
    }

    function ruleContent(bytes32 content, bool revoked, address rightful) internal {
        uint32 number = contents.workOf(content).disputes;
        bytes32 digest = contents.rulingDigest(content, number, revoked, rightful, "reasons", 1);
        contents.rule(content, revoked, rightful, "reasons", reviewers, signed(reviewerKeys, 3, digest));
    }

    function pass(uint256 seconds_) internal {
        vm.warp(block.timestamp + seconds_);
    }
}

contract ContentRegistryTest is ContentFixture {
    // Any digests do; SHA-256 is a call in the EVM, which the cheat codes would take for the next one.
    bytes32 internal constant SONG = keccak256("song");
    bytes32 internal constant REMIX = keccak256("remix");

    function setUp() public {
        deployContents();
    }

    // -------------------------------------------------------------------------------------------------- minting

    function test_mintsWhatTheCourtAccepted() public {
        Claim memory claim = claimOf(SONG, alice);
        accepted(claim);
        // Whoever sends it, it does what its author said.
        vm.prank(bob);
        uint256 tokenId = contents.mint(claim);
        require(tokenId == uint256(SONG) && contents.ownerOf(tokenId) == alice, "the token is the author's");
        ContentRegistry.Work memory work = contents.workOf(SONG);
        require(work.phase == ContentRegistry.Phase.Minted && work.mintedAt == block.timestamp, "when");
        require(work.subject == contents.subjectOf(claim) && work.authors[0].account == alice, "what");
        (address receiver, uint256 amount) = contents.royaltyInfo(tokenId, 1 ether);
        require(receiver == work.splitter && amount == 0.05 ether, "royalty");
        require(contents.supportsInterface(type(IERC721).interfaceId), "ERC-721");
        require(contents.supportsInterface(type(IERC2981).interfaceId), "ERC-2981");
        require(!contents.supportsInterface(0xffffffff), "nothing else");
    }

    function test_theSubjectIsTheWholeClaim() public {
        Claim memory claim = claimOf(SONG, alice);
        require(
            contents.subjectOf(claim)
                == sha256(abi.encode("Assay content claim", block.chainid, address(contents), claim)),
            "as documented"
        );
        accepted(claim);
        claim.owner = bob;
        refusesVerdict(claim, 0);
        claim = claimOf(SONG, alice);
        claim.authors[0].account = bob;
        refusesVerdict(claim, 0);
        claim = claimOf(SONG, alice);
        claim.royaltyBps = 501;
        refusesVerdict(claim, 0);
        claim = claimOf(REMIX, alice);
        refusesVerdict(claim, 0);
        vm.chainId(5);
        refusesVerdict(claimOf(SONG, alice), 0);
    }

    function test_onlyAFinalAcceptanceCounts() public {
        Claim memory claim = claimOf(SONG, alice);
        postOne(NEAR_DUPLICATE, providerId, contents.subjectOf(claim), 1);
        refusesVerdict(claim, 0);
        claim = claimOf(REMIX, alice);
        decided(claim, 3);
        refusesVerdict(claim, 3);
        claim.royaltyBps = 1;
        decided(claim, 2);
        refusesVerdict(claim, 2);
    }

    function testFuzz_whichVerdictsCount(uint8 decision, uint8 level, uint48 finalAt, uint8 required) public {
        SettableVerdicts verdicts = new SettableVerdicts();
        ContentRegistry.Terms memory changed = contentTerms(verdicts);
        changed.requiredLevel = required % 6;
        contents.setTerms(changed);
        decision %= 4;
        level %= 6;
        if (finalAt % 4 == 0) finalAt = uint48(block.timestamp);
        verdicts.set(decision, level, finalAt);
        Claim memory claim = claimOf(SONG, alice);
        bool counts =
            decision == 1 && level >= changed.requiredLevel && finalAt != 0 && finalAt <= block.timestamp;
        if (!counts) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    ContentRegistry.VerdictMissing.selector, contents.subjectOf(claim), decision, level, finalAt
                )
            );
        }
        contents.mint(claim);
    }

    function test_theSameBytesOnce() public {
        minted(claimOf(SONG, alice));
        Claim memory thief = claimOf(SONG, bob);
        accepted(thief);
        vm.expectRevert(
            abi.encodeWithSelector(ContentRegistry.ContentPhase.selector, SONG, ContentRegistry.Phase.Minted)
        );
        contents.mint(thief);
        disputeBy(carol, SONG);
        vm.expectRevert(
            abi.encodeWithSelector(ContentRegistry.ContentPhase.selector, SONG, ContentRegistry.Phase.Disputed)
        );
        contents.mint(thief);
    }

    function test_claimsAreBounded() public {
        contents.setTerms(contentTerms(alwaysAccepting()));
        Claim memory claim = claimOf(SONG, address(0));
        refuses(claim, abi.encodeWithSelector(ContentRegistry.AddressZero.selector, bytes32("owner")));
        claim = claimOf(SONG, alice);
        claim.royaltyBps = 2_501;
        refuses(claim, outside("royaltyBps", 0, 2_500, 2_501));
        claim = claimOf(SONG, alice);
        claim.derivativeBps = 1_001;
        refuses(claim, outside("derivativeBps", 0, 1_000, 1_001));
        claim = claimOf(SONG, alice);
        claim.authors = new Author[](0);
        refuses(claim, outside("authors", 1, 16, 0));
        claim.authors = new Author[](17);
        refuses(claim, outside("authors", 1, 16, 17));
        claim = claimOf(SONG, alice);
        claim.authors[0].account = address(0);
        refuses(claim, abi.encodeWithSelector(ContentRegistry.AddressZero.selector, bytes32("author")));
        claim.authors[0] = Author(alice, 0);
        refuses(claim, outside("shareBps", 1, 10_000, 0));
        claim.authors[0] = Author(alice, 9_999);
        refuses(claim, abi.encodeWithSelector(ContentRegistry.SharesUneven.selector, 9_999));
        claim.authors = new Author[](2);
        (claim.authors[0], claim.authors[1]) = (Author(alice, 10_000), Author(bob, 10_000));
        refuses(claim, abi.encodeWithSelector(ContentRegistry.SharesUneven.selector, 20_000));
        claim = claimOf(SONG, alice);
        claim.parents = new bytes32[](9);
        refuses(claim, outside("parents", 0, 8, 9));
    }

    function test_parents() public {
        contents.setTerms(contentTerms(alwaysAccepting()));
        ContentRegistry.Phase none = ContentRegistry.Phase.None;
        refuses(
            derived(REMIX, bob, SONG), abi.encodeWithSelector(ContentRegistry.ParentMissing.selector, SONG, none)
        );
        refuses(
            derived(SONG, bob, SONG), abi.encodeWithSelector(ContentRegistry.ParentMissing.selector, SONG, none)
        );
        contents.mint(claimOf(SONG, alice));
        Claim memory twice = claimOf(REMIX, bob);
        twice.parents = new bytes32[](2);
        (twice.parents[0], twice.parents[1]) = (SONG, SONG);
        refuses(twice, abi.encodeWithSelector(ContentRegistry.ParentsUnsorted.selector, 1));
        // A disputed parent is one: a bond does not stop those who build on a work.
        disputeBy(carol, SONG);
        contents.mint(derived(REMIX, bob, SONG));
        ContentRegistry.Work memory work = contents.workOf(REMIX);
        require(work.parents[0].content == SONG && work.parents[0].shareBps == 1_000, "what the parent asks");
        require(work.parentsBps == 1_000, "together");
        ruleContent(SONG, true, carol);
        ContentRegistry.Phase revoked = ContentRegistry.Phase.Revoked;
        refuses(
            derived(keccak256("third"), bob, SONG),
            abi.encodeWithSelector(ContentRegistry.ParentMissing.selector, SONG, revoked)
        );
        // Nor is a work its own parent when it is minted again.
        refuses(
            derived(SONG, carol, SONG), abi.encodeWithSelector(ContentRegistry.ParentMissing.selector, SONG, revoked)
        );
    }

    function test_theReceiverIsNotAsked() public {
        Refuser refuser = new Refuser();
        minted(claimOf(SONG, address(refuser)));
        require(contents.ownerOf(uint256(SONG)) == address(refuser), "minted");
        disputeBy(bob, SONG);
        ruleContent(SONG, true, alice);
        require(contents.workOf(SONG).phase == ContentRegistry.Phase.Revoked, "ruled");
    }

    function test_tokenUri() public {
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, uint256(SONG)));
        contents.tokenURI(uint256(SONG));
        bytes32 content = 0x00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff;
        minted(claimOf(content, alice));
        bytes memory hex_ = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
        bytes memory json = abi.encodePacked('{"name":"Content ', hex_, '","digest":{"sha256":"', hex_, '"}}');
        bytes memory expected = abi.encodePacked("data:application/json;base64,", Base64.encode(json));
        require(keccak256(bytes(contents.tokenURI(uint256(content)))) == keccak256(expected), "URI");
    }

    // ------------------------------------------------------------------------------------------------ royalties

    function test_royaltiesFlowToAuthorsAndParents() public {
        RoyaltySplitter song = minted(claimOf(SONG, alice));
        Claim memory claim = derived(REMIX, bob, SONG);
        claim.authors = new Author[](2);
        (claim.authors[0], claim.authors[1]) = (Author(bob, 7_500), Author(carol, 2_500));
        RoyaltySplitter remix = minted(claim);
        pay(remix, 1 ether);
        require(remix.release(address(0), 0) == 0.675 ether && bob.balance == 0.675 ether, "three quarters of 90 %");
        require(remix.release(address(0), 0) == 0, "once");
        pay(remix, 1 ether);
        require(remix.release(address(0), 0) == 0.675 ether, "of what came since");
        require(remix.release(address(0), 1) == 0.45 ether && carol.balance == 0.45 ether, "a quarter of 90 %");
        require(remix.release(address(0), 2) == 0.2 ether && address(song).balance == 0.2 ether, "the parent's");
        require(song.release(address(0), 0) == 0.2 ether && alice.balance == 0.2 ether, "its author's");
        require(address(remix).balance == 0, "all of it");
        vm.expectRevert(abi.encodeWithSelector(ContentRegistry.NobodyThere.selector, 3));
        remix.release(address(0), 3);
    }

    function test_royaltiesInTokens() public {
        RoyaltySplitter song = minted(claimOf(SONG, carol));
        token.transfer(address(song), 10e18);
        uint256 before = token.balanceOf(carol);
        require(song.release(address(token), 0) == 10e18, "released");
        require(token.balanceOf(carol) - before == 10e18, "paid");
        require(song.released(address(token)) == 10e18 && song.releasedTo(address(token), 0) == 10e18, "counted");
    }

    function test_aParentThatAsksForNothing() public {
        Claim memory free = claimOf(SONG, alice);
        free.derivativeBps = 0;
        minted(free);
        RoyaltySplitter remix = minted(derived(REMIX, bob, SONG));
        pay(remix, 1 ether);
        vm.expectRevert(abi.encodeWithSelector(ContentRegistry.NobodyThere.selector, 1));
        remix.release(address(0), 1);
        require(remix.release(address(0), 0) == 1 ether, "all is the author's");
    }

    function test_onePayeeDoesNotHoldUpAnother() public {
        Claim memory claim = claimOf(SONG, alice);
        Refuser refuser = new Refuser();
        Greedy greedy = new Greedy();
        claim.authors = new Author[](3);
        claim.authors[0] = Author(address(greedy), 4_000);
        claim.authors[1] = Author(address(refuser), 3_000);
        claim.authors[2] = Author(alice, 3_000);
        RoyaltySplitter song = minted(claim);
        greedy.aim(song);
        pay(song, 1 ether);
        song.release(address(0), 0);
        require(address(greedy).balance == 0.4 ether, "asking again gives nothing");
        vm.expectRevert();
        song.release(address(0), 1);
        require(song.release(address(0), 2) == 0.3 ether, "paid");
    }

    function testFuzz_nobodyGetsMoreThanHisShare(uint16 share, uint96[6] memory amounts, uint8 order) public {
        share = 1 + share % 9_999;
        minted(claimOf(SONG, alice));
        Claim memory claim = derived(REMIX, bob, SONG);
        claim.authors = new Author[](2);
        (claim.authors[0], claim.authors[1]) = (Author(bob, share), Author(carol, 10_000 - share));
        RoyaltySplitter remix = minted(claim);
        uint256 sum = 0;
        for (uint256 i = 0; i < amounts.length; ++i) {
            pay(remix, amounts[i]);
            sum += amounts[i];
            remix.release(address(0), (order >> i) % 3);
        }
        for (uint256 place = 0; place < 3; ++place) remix.release(address(0), place);
        require(bob.balance == sum * share * 9_000 / 1e8, "first author");
        require(carol.balance == sum * (10_000 - share) * 9_000 / 1e8, "second author");
        require(address(splitterOf(SONG)).balance == sum / 10, "parent");
        require(address(remix).balance < 3, "less than one unit each stays");
    }

    // ------------------------------------------------------------------------------------------------- disputes

    function test_aDisputedTokenStays() public {
        RoyaltySplitter song = minted(claimOf(SONG, alice));
        pay(song, 1 ether);
        disputeBy(bob, SONG);
        vm.prank(alice);
        vm.expectRevert(
            abi.encodeWithSelector(ContentRegistry.ContentPhase.selector, SONG, ContentRegistry.Phase.Disputed)
        );
        contents.transferFrom(alice, carol, uint256(SONG));
        vm.expectRevert(
            abi.encodeWithSelector(ContentRegistry.ContentPhase.selector, SONG, ContentRegistry.Phase.Disputed)
        );
        song.release(address(0), 0);
        uint256 supply = token.totalSupply();
        ruleContent(SONG, false, address(0));
        require(vault.owed(alice) == 50e18 && supply - token.totalSupply() == 50e18, "the owner gets half the bond");
        require(vault.potOf(address(contents), contents.potOf(SONG, 1)) == 0, "nothing stuck");
        vm.prank(alice);
        contents.transferFrom(alice, carol, uint256(SONG));
        require(song.release(address(0), 0) == 1 ether, "claimable again");
    }

    function test_aTheftIsRevoked() public {
        RoyaltySplitter stolen = minted(claimOf(SONG, alice));
        RoyaltySplitter remix = minted(derived(REMIX, carol, SONG));
        vm.prank(alice);
        contents.transferFrom(alice, carol, uint256(SONG));
        pay(stolen, 1 ether);
        disputeBy(bob, SONG);
        ruleContent(SONG, true, bob);
        require(vault.owed(bob) == 100e18, "bond");
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, uint256(SONG)));
        contents.ownerOf(uint256(SONG));
        (address receiver, uint256 amount) = contents.royaltyInfo(uint256(SONG), 1 ether);
        require(receiver == address(0) && amount == 0, "no royalty");
        // Neither the thief nor anybody else mints it again.
        Claim memory thief = claimOf(SONG, alice);
        refuses(thief, abi.encodeWithSelector(ContentRegistry.NotRightful.selector, bob, alice));
        thief = claimOf(SONG, address(0x7417EF));
        accepted(thief);
        refuses(thief, abi.encodeWithSelector(ContentRegistry.NotRightful.selector, bob, address(0x7417EF)));
        // What was not claimed is the rightful owner's, and so is what still comes.
        pay(remix, 1 ether);
        require(remix.release(address(0), 1) == 0.1 ether, "the parent's part goes on");
        require(stolen.release(address(0), 0) == 1.1 ether && bob.balance == 1.1 ether, "all");
        RoyaltySplitter right = minted(claimOf(SONG, bob));
        require(address(right) != address(stolen) && contents.ownerOf(uint256(SONG)) == bob, "minted again");
        require(contents.workOf(SONG).authors.length == 1, "with his authors only");
        pay(remix, 1 ether);
        require(remix.release(address(0), 1) == 0.1 ether && address(right).balance == 0.1 ether, "to the new one");
        pay(stolen, 1 ether);
        require(stolen.release(address(0), 5) == 1 ether && bob.balance == 2.1 ether, "the old one stays his");
        // And it can be disputed again, at twice the price.
        disputeBy(alice, SONG);
        ruleContent(SONG, true, alice);
        require(contents.workOf(SONG).rightful == alice && vault.owed(alice) == 200e18, "once more");
    }

    function test_silenceLeavesTheToken() public {
        minted(claimOf(SONG, alice));
        disputeBy(bob, SONG);
        uint48 deadline = uint48(block.timestamp + 2 days);
        pass(2 days);
        vm.expectRevert(abi.encodeWithSelector(ContentRegistry.DeadlineAhead.selector, deadline));
        contents.lapse(SONG);
        pass(1);
        bytes32 digest = contents.rulingDigest(SONG, 1, true, bob, "reasons", 1);
        Signatures memory signatures = signed(reviewerKeys, 3, digest);
        vm.expectRevert(abi.encodeWithSelector(ContentRegistry.DeadlinePassed.selector, deadline));
        contents.rule(SONG, true, bob, "reasons", reviewers, signatures);
        contents.lapse(SONG);
        require(vault.owed(bob) == 50e18 && contents.workOf(SONG).phase == ContentRegistry.Phase.Minted, "stands");
        (,, uint48 endedAt,,) = contents.disputes(SONG, 1);
        require(endedAt == block.timestamp, "since");
        vm.expectRevert(
            abi.encodeWithSelector(ContentRegistry.ContentPhase.selector, SONG, ContentRegistry.Phase.Minted)
        );
        contents.lapse(SONG);
    }

    function test_holdingATokenUpGetsDearer() public {
        minted(claimOf(SONG, alice));
        for (uint256 i = 0; i < 7; ++i) {
            require(contents.bondOf(SONG) == 100e18 << (i < 4 ? i : 4), "price");
            uint256 before = token.balanceOf(bob);
            disputeBy(bob, SONG);
            require(before - token.balanceOf(bob) == 100e18 << (i < 4 ? i : 4), "paid");
            ruleContent(SONG, false, address(0));
        }
    }

    function test_whatCannotBeDisputed() public {
        vm.expectRevert(
            abi.encodeWithSelector(ContentRegistry.ContentPhase.selector, SONG, ContentRegistry.Phase.None)
        );
        contents.dispute(SONG, "");
        minted(claimOf(SONG, alice));
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(ContentRegistry.SelfDispute.selector, alice));
        contents.dispute(SONG, "");
        vm.prank(address(0xBAD));
        vm.expectRevert();
        contents.dispute(SONG, "");
        disputeBy(bob, SONG);
        vm.prank(carol);
        vm.expectRevert(
            abi.encodeWithSelector(ContentRegistry.ContentPhase.selector, SONG, ContentRegistry.Phase.Disputed)
        );
        contents.dispute(SONG, "");
    }

    function test_whoRules() public {
        address reviewer = reviewers.members[1];
        minted(claimOf(SONG, reviewer));
        disputeBy(bob, SONG);
        vm.expectRevert(abi.encodeWithSelector(ContentRegistry.AddressZero.selector, bytes32("rightful")));
        contents.rule(SONG, true, address(0), "reasons", reviewers, Signatures(0, new bytes32[2][](0)));
        refusesRuling(false, address(0), reviewer);
        vm.prank(reviewer);
        vm.expectRevert();
        contents.transferFrom(reviewer, alice, uint256(SONG));
        // Who is not among those who sign may be a party.
        bytes32 digest = contents.rulingDigest(SONG, 1, false, address(0), "reasons", 1);
        Signatures memory signatures = signed(reviewerKeys, 3, digest);
        signatures.signers = 28;
        for (uint256 i = 0; i < 3; ++i) signatures.rvs[i] = compact(reviewerKeys[i + 2], digest);
        contents.rule(SONG, false, address(0), "reasons", reviewers, signatures);
        // A ruling is about one dispute only.
        disputeBy(bob, SONG);
        vm.expectPartialRevert(Quorum.SignatureInvalid.selector);
        contents.rule(SONG, false, address(0), "reasons", reviewers, signatures);
        vm.prank(reviewer);
        contents.setApprovalForAll(alice, true);
        // Nobody gives the content to himself.
        refusesRuling(true, reviewers.members[0], reviewers.members[0]);
        pass(3 days);
        contents.lapse(SONG);
        vm.prank(alice);
        contents.transferFrom(reviewer, alice, uint256(SONG));
        disputeBy(funded(reviewers.members[2], 1_000e18), SONG);
        refusesRuling(true, bob, reviewers.members[2]);
    }

    /// Spelt out as a wallet has it (EIP-712), apart from the contract's own code.
    function test_whatReviewersSign() public view {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Assay ContentRegistry"),
                keccak256("1"),
                block.chainid,
                address(contents)
            )
        );
        bytes memory members = "bytes32 contractDigest,uint64 epoch,bytes32 content,uint32 number,bool revoked,";
        bytes32 message = keccak256(
            abi.encode(
                keccak256(abi.encodePacked("Ruling(", members, "address rightful,bytes32 reasons)")),
                NEAR_DUPLICATE,
                7,
                SONG,
                3,
                true,
                bob,
                bytes32("reasons")
            )
        );
        require(
            contents.rulingDigest(SONG, 3, true, bob, "reasons", 7)
                == keccak256(abi.encodePacked(hex"1901", domain, message)),
            "typed data"
        );
    }

    // ----------------------------------------------------------------------------------------------- governance

    function test_onlyGovernanceDecides() public {
        ContentRegistry.Terms memory given = contentTerms(IVerdicts(address(court)));
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, alice));
        contents.setTerms(given);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, alice));
        contents.setReviewers(reviewers);
        vm.expectRevert(abi.encodeWithSelector(ContentRegistry.EpochUnexpected.selector, 2, 1));
        contents.setReviewers(reviewers);
        given.court = IVerdicts(address(0));
        refusesTerms(given, abi.encodeWithSelector(ContentRegistry.AddressZero.selector, bytes32("court")));
        given = contentTerms(IVerdicts(address(court)));
        given.requiredLevel = 6;
        refusesTerms(given, outside("requiredLevel", 0, 5, 6));
        given.requiredLevel = 5;
        given.rulingSeconds = 599;
        refusesTerms(given, outside("rulingSeconds", 600, 30 days, 599));
        given.rulingSeconds = 600;
        given.burnBps = 10_001;
        refusesTerms(given, outside("burnBps", 1_000, 10_000, 10_001));
        given.burnBps = 10_000;
        given.bond = 0;
        refusesTerms(given, outside("bond", 1, type(uint112).max, 0));
        given.bond = type(uint112).max;
        contents.setTerms(given);
        require(contents.bondOf(SONG) == type(uint112).max, "in force");
    }

    // -------------------------------------------------------------------------------------------------- helpers

    function alwaysAccepting() internal returns (IVerdicts) {
        SettableVerdicts verdicts = new SettableVerdicts();
        verdicts.set(1, 5, 1);
        return verdicts;
    }

    function pay(RoyaltySplitter splitter, uint256 amount) internal {
        vm.deal(address(this), amount);
        (bool paid,) = address(splitter).call{value: amount}("");
        require(paid, "royalty refused");
    }

    function outside(bytes32 what, uint256 least, uint256 most, uint256 given) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(ContentRegistry.NumberOutside.selector, what, least, most, given);
    }

    function refuses(Claim memory claim, bytes memory why) internal {
        vm.expectRevert(why);
        contents.mint(claim);
    }

    function refusesTerms(ContentRegistry.Terms memory given, bytes memory why) internal {
        vm.expectRevert(why);
        contents.setTerms(given);
    }

    function refusesVerdict(Claim memory claim, uint8 decision) internal {
        bytes32 subject = contents.subjectOf(claim);
        (, uint8 level, uint48 finalAt) = court.verdictOf(NEAR_DUPLICATE, subject);
        refuses(
            claim,
            abi.encodeWithSelector(ContentRegistry.VerdictMissing.selector, subject, decision, level, finalAt)
        );
    }

    function refusesRuling(bool revoked, address rightful, address party) internal {
        uint32 number = contents.workOf(SONG).disputes;
        bytes32 digest = contents.rulingDigest(SONG, number, revoked, rightful, "reasons", 1);
        Signatures memory signatures = signed(reviewerKeys, 3, digest);
        vm.expectRevert(abi.encodeWithSelector(ContentRegistry.ReviewerIsParty.selector, party));
        contents.rule(SONG, revoked, rightful, "reasons", reviewers, signatures);
    }
}

/// Plays everybody at random: authors, thieves, buyers, sellers, disputers, reviewers, and time.
contract ContentPlayers is ContentFixture {
    uint256 internal constant CONTENTS = 6;
    address[4] internal people;
    SettableVerdicts internal verdicts = new SettableVerdicts();
    uint256 internal disputesOpen;
    uint256 internal bondsOpen;
    uint256 internal royaltiesEver;
    address[] internal splitters;
    mapping(bytes32 content => address) internal ownerWhenDisputed;
    string public wrong;

    constructor() {
        deployContents();
        people = [alice, bob, carol, funded(address(0xDA4E), 100_000e18)];
        verdicts.set(1, 5, 1);
        contents.setTerms(contentTerms(verdicts));
    }

    function mint(uint256 which, uint256 who, uint16 share, uint8 parents) external {
        bytes32 content = contentAt(which);
        ContentRegistry.Work memory before = contents.workOf(content);
        Claim memory claim = claimOf(content, people[who % 4]);
        claim.derivativeBps = share % 1_001;
        claim.authors = new Author[](2);
        claim.authors[0] = Author(people[who % 4], 1 + share % 9_999);
        claim.authors[1] = Author(people[(who % 4 + 1) % 4], 10_000 - claim.authors[0].shareBps);
        claim.parents = sortedParents(content, parents);
        try contents.mint(claim) {
            splitters.push(contents.workOf(content).splitter);
            if (before.phase == ContentRegistry.Phase.Revoked && claim.owner != before.rightful)
                wrong = "a thief minted again";
            if (before.phase != ContentRegistry.Phase.Revoked && before.phase != ContentRegistry.Phase.None)
                wrong = "minted twice";
        } catch {}
    }

    function transfer(uint256 which, uint256 to) external {
        bytes32 content = contentAt(which);
        ContentRegistry.Phase phase = contents.workOf(content).phase;
        if (phase != ContentRegistry.Phase.Minted && phase != ContentRegistry.Phase.Disputed) return;
        address owner = contents.ownerOf(uint256(content));
        vm.prank(owner);
        try contents.transferFrom(owner, people[to % 4], uint256(content)) {
            if (phase == ContentRegistry.Phase.Disputed) wrong = "a disputed token moved";
        } catch {
            if (phase == ContentRegistry.Phase.Minted) wrong = "an undisputed token did not move";
        }
    }

    function sell(uint256 which, uint96 price) external {
        if (splitters.length == 0) return;
        royaltiesEver += price;
        vm.deal(address(this), price);
        (bool paid,) = splitters[which % splitters.length].call{value: price}("");
        if (!paid) wrong = "a royalty was refused";
    }

    function release(uint256 which, uint256 place) external {
        if (splitters.length == 0) return;
        RoyaltySplitter splitter = RoyaltySplitter(payable(splitters[which % splitters.length]));
        ContentRegistry.Phase phase = contents.workOf(splitter.content()).phase;
        try splitter.release(address(0), place % 5) {
            if (phase == ContentRegistry.Phase.Disputed) wrong = "a royalty was claimed during a dispute";
        } catch {}
    }

    function dispute(uint256 which, uint256 who) external {
        bytes32 content = contentAt(which);
        uint128 bond = contents.bondOf(content);
        vm.prank(people[who % 4]);
        try contents.dispute(content, "") {
            ++disputesOpen;
            bondsOpen += bond;
            ownerWhenDisputed[content] = contents.ownerOf(uint256(content));
        } catch {}
    }

    function rule(uint256 which, bool revoked, uint256 rightful) external {
        bytes32 content = contentAt(which);
        uint32 number = contents.workOf(content).disputes;
        address heir = revoked ? people[rightful % 4] : address(0);
        bytes32 digest = contents.rulingDigest(content, number, revoked, heir, "", 1);
        (,,, uint128 bond,) = contents.disputes(content, number);
        try contents.rule(content, revoked, heir, "", reviewers, signed(reviewerKeys, 3, digest)) {
            --disputesOpen;
            bondsOpen -= bond;
        } catch {}
    }

    function lapse(uint256 which) external {
        bytes32 content = contentAt(which);
        (,,, uint128 bond,) = contents.disputes(content, contents.workOf(content).disputes);
        try contents.lapse(content) {
            --disputesOpen;
            bondsOpen -= bond;
        } catch {}
    }

    function waitLong(uint32 seconds_) external {
        pass(seconds_ % 2 days);
    }

    // ------------------------------------------------------------------------------------------- what must hold

    function requireAll() external view {
        require(bytes(wrong).length == 0, wrong);
        uint256 open = 0;
        for (uint256 i = 0; i < CONTENTS; ++i) {
            bytes32 content = contentAt(i);
            ContentRegistry.Work memory work = contents.workOf(content);
            bytes32 pot = contents.potOf(content, work.disputes);
            (,,, uint128 bond,) = contents.disputes(content, work.disputes);
            bool disputed = work.phase == ContentRegistry.Phase.Disputed;
            if (disputed) {
                ++open;
                require(contents.ownerOf(uint256(content)) == ownerWhenDisputed[content], "stays where it is");
            }
            require(vault.potOf(address(contents), pot) == (disputed ? bond : 0), "a pot holds an open bond only");
            if (work.phase == ContentRegistry.Phase.None) continue;
            uint256 authorsBps = 0;
            for (uint256 k = 0; k < work.authors.length; ++k) authorsBps += work.authors[k].shareBps;
            require(authorsBps == 10_000 && work.parentsBps <= 8_000, "shares");
        }
        require(open == disputesOpen, "open disputes");
        uint256 owed = 0;
        uint256 ether_ = 0;
        for (uint256 i = 0; i < 4; ++i) {
            owed += vault.owed(people[i]);
            ether_ += people[i].balance;
        }
        require(token.balanceOf(address(vault)) == owed + bondsOpen, "the vault holds what it owes");
        for (uint256 i = 0; i < splitters.length; ++i) ether_ += splitters[i].balance;
        require(ether_ == royaltiesEver, "royalties are with their payees or in the splitters");
    }

    /// Every dispute can end, and then everybody can be paid but for less than a unit each.
    function requireEnd() external {
        pass(3 days);
        for (uint256 i = 0; i < CONTENTS; ++i)
            if (contents.workOf(contentAt(i)).phase == ContentRegistry.Phase.Disputed) contents.lapse(contentAt(i));
        for (uint256 i = 0; i < splitters.length; ++i) {
            RoyaltySplitter splitter = RoyaltySplitter(payable(splitters[i]));
            bytes32 content = splitter.content();
            ContentRegistry.Work memory work = contents.workOf(content);
            bool current = work.phase == ContentRegistry.Phase.Minted && work.splitter == address(splitter);
            uint256 places = current ? work.authors.length + work.parents.length : 1;
            uint256 before = address(splitter).balance;
            uint256 sum = 0;
            for (uint256 place = 0; place < places; ++place) {
                bool free = current && place >= 2 && work.parents[place - 2].shareBps == 0;
                if (!free) sum += splitter.release(address(0), place);
            }
            require(before - sum < places + 1, "nothing stuck");
        }
    }

    function contentAt(uint256 which) internal pure returns (bytes32) {
        return keccak256(abi.encode(which % CONTENTS));
    }

    /// Up to two other contents.
    function sortedParents(bytes32 content, uint8 parents) internal pure returns (bytes32[] memory) {
        bytes32 first = contentAt(parents);
        bytes32 second = contentAt(parents / 16);
        if (first > second) (first, second) = (second, first);
        uint256 count = parents % 3;
        if (first == second && count == 2) count = 1;
        bytes32[] memory sorted = new bytes32[](count);
        if (count > 0) sorted[0] = first;
        if (count > 1) sorted[1] = second;
        return content == first && count == 1 ? new bytes32[](0) : sorted;
    }
}

contract ContentRegistryInvariants {
    ContentPlayers internal players;

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function setUp() public {
        players = new ContentPlayers();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(players);
    }

    function excludeSelectors() public view returns (FuzzSelector[] memory excluded) {
        excluded = new FuzzSelector[](1);
        excluded[0].addr = address(players);
        excluded[0].selectors = new bytes4[](1);
        excluded[0].selectors[0] = players.requireEnd.selector;
    }

    function invariant_tokensRoyaltiesAndBonds() public view {
        players.requireAll();
    }

    function afterInvariant() public {
        players.requireEnd();
    }
}
