// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {AggregatorInterface} from "../solidity/AggregatorInterface.sol";
import {AggregatorV3Interface} from "../solidity/AggregatorV3Interface.sol";
import {Committee, Quorum, Signatures} from "../solidity/Quorum.sol";
import {ReferenceRateFeed} from "../solidity/ReferenceRateFeed.sol";
import {Fixture} from "./Fixture.sol";
import {vm} from "./Vm.sol";

bytes32 constant RATE_CONTRACT = keccak256("reference rate of BTC / USD");
int256 constant PRICE = 60_000e8;

/// What consumers know of a feed: nothing of ours. The functions are spelt out by their selectors, as published.
interface PublishedFeed {
    function decimals() external view returns (uint8);
    function latestRoundData() external view returns (uint80, int256, uint256, uint256, uint80);
    function getRoundData(uint80) external view returns (uint80, int256, uint256, uint256, uint80);
}

/// A lending market that values collateral: refuses answers that are not positive, carried over or old.
contract LendingMarket {
    PublishedFeed internal immutable feed;
    uint256 internal immutable maxAge;

    constructor(address feed_, uint256 maxAge_) {
        feed = PublishedFeed(feed_);
        maxAge = maxAge_;
    }

    /// In units of 10^-18 dollars.
    function priceOf() external view returns (uint256) {
        (uint80 roundId, int256 answer,, uint256 updatedAt, uint80 answeredInRound) = feed.latestRoundData();
        require(answer > 0, "price not positive");
        require(updatedAt != 0, "round not complete");
        require(answeredInRound >= roundId, "price carried over");
        require(block.timestamp - updatedAt <= maxAge, "price too old");
        return uint256(answer) * 10 ** (18 - feed.decimals());
    }
}

/// A derivatives exchange that takes the time-weighted mean by walking back through the rounds.
contract MeanPrice {
    PublishedFeed internal immutable feed;

    constructor(address feed_) {
        feed = PublishedFeed(feed_);
    }

    function mean(uint256 seconds_) external view returns (uint256) {
        (uint80 roundId, int256 answer,, uint256 updatedAt,) = feed.latestRoundData();
        uint256 from = block.timestamp - seconds_;
        uint256 until = block.timestamp;
        uint256 sum = 0;
        while (true) {
            require(answer > 0, "price not positive");
            if (updatedAt <= from || roundId == 1) {
                sum += uint256(answer) * (until - from);
                return sum / seconds_;
            }
            sum += uint256(answer) * (until - updatedAt);
            until = updatedAt;
            (roundId, answer,, updatedAt,) = feed.getRoundData(roundId - 1);
            // A carried-over round is as old as the one whose answer it gives.
            if (updatedAt > until) updatedAt = until;
        }
        return 0;
    }
}

abstract contract FeedFixture is Fixture {
    ReferenceRateFeed internal feed;
    bytes32 internal providerId;
    address internal operator = address(0x0FEED);
    address internal alice = address(0xA11CE);

    function deployFeed() internal {
        deployEconomy();
        providerId = provider(operator, 10_000e18);
        feed = newFeed(providerId);
        feed.setCommittees(committee, reviewers);
        funded(alice, 100_000e18);
    }

    function newFeed(bytes32 providerId_) internal returns (ReferenceRateFeed made) {
        made = new ReferenceRateFeed(address(authority), identity(providerId_), limits());
        allow(address(made));
    }

    function identity(bytes32 providerId_) internal view returns (ReferenceRateFeed.Identity memory) {
        return ReferenceRateFeed.Identity({
            description: "BTC / USD",
            decimals: 8,
            contractDigest: RATE_CONTRACT,
            providerId: providerId_,
            vault: vault,
            registry: registry,
            treasury: address(timelock)
        });
    }

    function limits() internal pure returns (ReferenceRateFeed.Limits memory) {
        return ReferenceRateFeed.Limits({
            minAnswer: 1e8,
            heartbeatSeconds: 1 hours,
            disputeSeconds: 6 hours,
            maxAnswer: 10_000_000e8,
            rulingSeconds: 2 days,
            maxReportAgeSeconds: 10 minutes,
            maxDeviationBps: 500,
            bond: 100e18,
            stakeAtRisk: 1_000e18,
            maxSpreadBps: 100,
            burnBps: 5_000
        });
    }

    function post(int256 answer) internal returns (uint80 roundId) {
        return post(answer, uint64(block.timestamp));
    }

    function post(int256 answer, uint64 observedAt) internal returns (uint80 roundId) {
        roundId = uint80(feed.latestRound()) + 1;
        feed.post(committee, roundId, observedAt, agreed(roundId, answer, observedAt, 3));
    }

    function agreed(uint80 roundId, int256 answer, uint64 observedAt, uint256 count)
        internal
        view
        returns (ReferenceRateFeed.Opinion[] memory opinions)
    {
        opinions = new ReferenceRateFeed.Opinion[](1);
        bytes32 digest = feed.reportDigest(1, roundId, answer, observedAt, "evidence");
        opinions[0] = ReferenceRateFeed.Opinion(answer, "evidence", signed(committeeKeys, count, digest));
    }

    /// Opinion i by member i, with evidence of his own.
    function own(uint80 roundId, int256[] memory answers)
        internal
        view
        returns (ReferenceRateFeed.Opinion[] memory opinions)
    {
        opinions = new ReferenceRateFeed.Opinion[](answers.length);
        for (uint256 i = 0; i < answers.length; ++i) {
            bytes32 evidence = bytes32(i + 1);
            bytes32 digest = feed.reportDigest(1, roundId, answers[i], uint64(block.timestamp), evidence);
            bytes32[2][] memory rvs = new bytes32[2][](1);
            rvs[0] = compact(committeeKeys[i], digest);
            opinions[i] = ReferenceRateFeed.Opinion(answers[i], evidence, Signatures(1 << i, rvs));
        }
    }

    function disputeBy(address who, uint80 roundId) internal {
        vm.prank(who);
        feed.dispute(roundId, "look here");
    }

    function ruleRound(uint80 roundId, bool stands) internal {
        bytes32 digest = feed.rulingDigest(roundId, stands, "reasons", 1);
        feed.rule(roundId, stands, "reasons", reviewers, signed(reviewerKeys, 3, digest));
    }

    function pass(uint256 seconds_) internal {
        vm.warp(block.timestamp + seconds_);
    }
}

contract ReferenceRateFeedTest is FeedFixture {
    event AnswerUpdated(int256 indexed current, uint256 indexed roundId, uint256 updatedAt);
    event NewRound(uint256 indexed roundId, address indexed startedBy, uint256 startedAt);

    function setUp() public {
        deployFeed();
    }

    // ------------------------------------------------------------------------------------ Chainlink's interface

    function test_selectorsAreChainlinks() public pure {
        require(AggregatorV3Interface.decimals.selector == 0x313ce567, "decimals");
        require(AggregatorV3Interface.description.selector == 0x7284e416, "description");
        require(AggregatorV3Interface.version.selector == 0x54fd4d50, "version");
        require(AggregatorV3Interface.getRoundData.selector == 0x9a6fc8f5, "getRoundData");
        require(AggregatorV3Interface.latestRoundData.selector == 0xfeaf968c, "latestRoundData");
        require(AggregatorInterface.latestAnswer.selector == 0x50d25bcd, "latestAnswer");
        require(AggregatorInterface.latestTimestamp.selector == 0x8205bf6a, "latestTimestamp");
        require(AggregatorInterface.latestRound.selector == 0x668a0f02, "latestRound");
        require(AggregatorInterface.getAnswer.selector == 0xb5ab58dc, "getAnswer");
        require(AggregatorInterface.getTimestamp.selector == 0xb633620c, "getTimestamp");
        require(
            AggregatorInterface.AnswerUpdated.selector
                == 0x0559884fd3a460db3073b7fc896cc77986f16e378210ded43186175bf646fc5f,
            "AnswerUpdated"
        );
        require(
            AggregatorInterface.NewRound.selector == 0x0109fc6f55cf40689f02fbaad7af7fe7bbac8a3d2186600afc7d3e10cac60271,
            "NewRound"
        );
    }

    function test_aRoundIsReadThroughBothInterfaces() public {
        uint64 observedAt = uint64(block.timestamp - 30);
        ReferenceRateFeed.Opinion[] memory opinions = agreed(1, PRICE, observedAt, 3);
        vm.expectEmit();
        emit NewRound(1, address(this), observedAt);
        vm.expectEmit();
        emit AnswerUpdated(PRICE, 1, observedAt);
        require(feed.post(committee, 1, observedAt, opinions) == PRICE, "answer");

        (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredIn) =
            feed.latestRoundData();
        require(roundId == 1 && answer == PRICE && answeredIn == 1, "latest");
        require(startedAt == observedAt && updatedAt == observedAt, "the data's age, not the transaction's");
        (roundId, answer, startedAt, updatedAt, answeredIn) = feed.getRoundData(1);
        require(roundId == 1 && answer == PRICE && startedAt == observedAt && updatedAt == observedAt, "by number");
        require(feed.latestAnswer() == PRICE && feed.getAnswer(1) == PRICE, "classic answer");
        require(feed.latestTimestamp() == observedAt && feed.getTimestamp(1) == observedAt, "classic time");
        require(feed.latestRound() == 1 && feed.decimals() == 8 && feed.version() == 1, "numbers");
        require(keccak256(bytes(feed.description())) == keccak256("BTC / USD"), "description");
        ReferenceRateFeed.Round memory round = feed.roundOf(1);
        require(round.evidence == "evidence" && round.delay == 30, "what it rests on");
    }

    function test_roundsThatNeverWere() public {
        vm.expectRevert(bytes("No data present"));
        feed.latestRoundData();
        vm.expectRevert(bytes("No data present"));
        feed.getRoundData(0);
        post(PRICE);
        vm.expectRevert(bytes("No data present"));
        feed.getRoundData(2);
        vm.expectRevert(bytes("No data present"));
        feed.getRoundData(type(uint80).max);
        require(feed.getAnswer(2) == 0 && feed.getTimestamp(0) == 0, "the classic ones say 0");
        require(feed.getAnswer(type(uint256).max) == 0, "also where a round number is too large");
        require(feed.getAnswer((1 << 80) + 1) == 0, "a number is not cut off to another round's");
        (ReferenceRateFeed.Status status, uint48 since) = feed.statusOf(2);
        require(status == ReferenceRateFeed.Status.None && since == 0, "status");
    }

    function test_aLendingMarketReadsIt() public {
        LendingMarket market = new LendingMarket(address(feed), 1 hours);
        post(PRICE);
        pass(600);
        post(PRICE + 1e8);
        require(market.priceOf() == 60_001e18, "price");
        disputeBy(alice, 2);
        vm.expectRevert(bytes("price carried over"));
        market.priceOf();
        pass(60);
        post(PRICE + 2e8);
        require(market.priceOf() == 60_002e18, "the next round is read");
        pass(1 hours + 1);
        vm.expectRevert(bytes("price too old"));
        market.priceOf();
    }

    function test_anExchangeWalksBack() public {
        MeanPrice exchange = new MeanPrice(address(feed));
        for (uint256 i = 0; i < 4; ++i) {
            post(PRICE + int256(i) * 100e8);
            pass(300);
        }
        // 300 seconds each at 60,100, 60,200 and 60,300.
        require(exchange.mean(900) == 60_200e8, "mean");
        disputeBy(alice, 3);
        // The disputed one's time counts for the answer before it.
        require(exchange.mean(900) == uint256(60_100e8 * 2 + 60_300e8) / 3, "mean without the disputed round");
        disputeBy(alice, 4);
        require(exchange.mean(900) == 60_100e8, "mean without both");
    }

    function test_status() public {
        uint80 roundId = post(PRICE, uint64(block.timestamp - 60));
        requireStatus(roundId, ReferenceRateFeed.Status.Fresh, block.timestamp);
        pass(1 hours - 60);
        requireStatus(roundId, ReferenceRateFeed.Status.Fresh, block.timestamp + 60 - 1 hours);
        pass(1);
        requireStatus(roundId, ReferenceRateFeed.Status.Stale, block.timestamp - 1);
        disputeBy(alice, roundId);
        requireStatus(roundId, ReferenceRateFeed.Status.Disputed, block.timestamp);
        uint80 second = post(PRICE);
        disputeBy(alice, second);
        pass(60);
        ruleRound(roundId, false);
        requireStatus(roundId, ReferenceRateFeed.Status.Withdrawn, block.timestamp);
        ruleRound(second, true);
        requireStatus(second, ReferenceRateFeed.Status.Fresh, block.timestamp);
        pass(1 hours);
        requireStatus(second, ReferenceRateFeed.Status.Stale, block.timestamp - 60);
    }

    // ------------------------------------------------------------------------------------------------ rounds

    function test_roundsComeInOrder() public {
        post(PRICE);
        pass(1);
        ReferenceRateFeed.Opinion[] memory again = agreed(1, PRICE, uint64(block.timestamp), 3);
        vm.expectRevert(abi.encodeWithSelector(ReferenceRateFeed.RoundUnexpected.selector, 2, 1));
        feed.post(committee, 1, uint64(block.timestamp), again);
        ReferenceRateFeed.Opinion[] memory skipped = agreed(3, PRICE, uint64(block.timestamp), 3);
        vm.expectRevert(abi.encodeWithSelector(ReferenceRateFeed.RoundUnexpected.selector, 2, 3));
        feed.post(committee, 3, uint64(block.timestamp), skipped);
    }

    function test_aThresholdSigns() public {
        uint64 at = uint64(block.timestamp);
        ReferenceRateFeed.Opinion[] memory few = agreed(1, PRICE, at, 2);
        vm.expectRevert(abi.encodeWithSelector(Quorum.QuorumMissed.selector, 3, 2));
        feed.post(committee, 1, at, few);
        vm.expectRevert(abi.encodeWithSelector(Quorum.QuorumMissed.selector, 3, 0));
        feed.post(committee, 1, at, new ReferenceRateFeed.Opinion[](0));
        // A committee of one's own with threshold 0 and no signatures is none.
        Committee memory nobody = Committee({epoch: 1, threshold: 0, members: new address[](0)});
        vm.expectRevert(abi.encodeWithSelector(Quorum.QuorumMissed.selector, 0, 0));
        feed.post(nobody, 1, at, new ReferenceRateFeed.Opinion[](0));
        ReferenceRateFeed.Opinion[] memory right = agreed(1, PRICE, at, 3);
        Committee memory lower = committeeOf(committeeKeys, 1);
        vm.expectPartialRevert(Quorum.CommitteeUnknown.selector);
        feed.post(lower, 1, at, right);
        right[0].answer = PRICE + 1;
        vm.expectPartialRevert(Quorum.SignatureInvalid.selector);
        feed.post(committee, 1, at, right);
    }

    function testFuzz_signaturesAreBoundToEverything(uint256 which) public {
        uint64 at = uint64(block.timestamp);
        post(PRICE, at - 1);
        ReferenceRateFeed.Opinion[] memory opinions = agreed(2, PRICE, at, 3);
        ReferenceRateFeed target = feed;
        which %= 5;
        if (which == 0) at -= 0;
        if (which == 1) opinions[0].evidence = "another";
        if (which == 2) opinions[0].answer += 1;
        if (which == 3) vm.chainId(5);
        if (which == 4) {
            target = newFeed(providerId);
            target.setCommittees(committee, reviewers);
            opinions = agreed(1, PRICE, at, 3);
        }
        if (which != 0) vm.expectPartialRevert(Quorum.SignatureInvalid.selector);
        target.post(committee, which == 4 ? 1 : 2, at, opinions);
    }

    function test_range() public {
        for (uint256 i = 0; i < 4; ++i) {
            int256 answer = [int256(1e8 - 1), 10_000_000e8 + 1, type(int256).min, type(int256).max][i];
            ReferenceRateFeed.Opinion[] memory opinions = agreed(1, answer, uint64(block.timestamp), 3);
            vm.expectRevert(
                abi.encodeWithSelector(ReferenceRateFeed.AnswerOutside.selector, 1e8, 10_000_000e8, answer)
            );
            feed.post(committee, 1, uint64(block.timestamp), opinions);
        }
        post(1e8);
    }

    function test_age() public {
        uint64 at = uint64(block.timestamp);
        post(PRICE, at - 600);
        refusesTime(at - 600, at - 599);
        refusesTime(at + 1, at - 599);
        pass(10);
        refusesTime(at - 591, at - 590);
        post(PRICE, at - 590);
        pass(1 days);
        post(PRICE);
        // The future of 64 bits is the future too.
        refusesTime(type(uint64).max, uint64(block.timestamp) + 1);
    }

    function test_movement() public {
        post(PRICE);
        pass(1 minutes);
        refusesMove(PRICE * 10_500 / 10_000 + 1, 1, PRICE, 500);
        refusesMove(PRICE * 9_500 / 10_000 - 1, 1, PRICE, 500);
        post(PRICE * 10_500 / 10_000);
        pass(2 hours);
        // Twice the heartbeat later, three times as much.
        int256 from = PRICE * 10_500 / 10_000;
        refusesMove(from * 11_500 / 10_000 + 1, 2, from, 1_500);
        post(from * 11_500 / 10_000);
    }

    function testFuzz_movement(uint64 first, uint64 second, uint32 later) public {
        int256 from = int256(1e8 + uint256(first) % (1_000e8 - 1e8));
        int256 to = int256(1e8 + uint256(second) % (1_000e8 - 1e8));
        later = 1 + later % 10 hours;
        post(from);
        pass(later);
        uint256 distance = uint256(from > to ? from - to : to - from);
        bool refused = distance * 10_000 > uint256(from) * 500 * (1 + later / 1 hours);
        ReferenceRateFeed.Opinion[] memory opinions = agreed(2, to, uint64(block.timestamp), 3);
        if (refused) vm.expectPartialRevert(ReferenceRateFeed.AnswerMoved.selector);
        feed.post(committee, 2, uint64(block.timestamp), opinions);
    }

    // ------------------------------------------------------------------------------------------ own values

    function test_theLowerMedianOfOwnValues() public {
        int256[] memory three = new int256[](3);
        (three[0], three[1], three[2]) = (PRICE - 1, PRICE, PRICE + 1);
        require(feed.post(committee, 1, uint64(block.timestamp), own(1, three)) == PRICE, "odd");
        require(feed.roundOf(1).evidence == bytes32(uint256(2)), "the evidence is the median reporter's");
        pass(1);
        int256[] memory four = new int256[](4);
        (four[0], four[1], four[2], four[3]) = (PRICE - 1, PRICE, PRICE + 1, PRICE + 1);
        require(feed.post(committee, 2, uint64(block.timestamp), own(2, four)) == PRICE, "even");
    }

    function testFuzz_medianWeighsSigners(uint8 low, uint8 high, uint16 spread) public {
        low = 1 + low % 4;
        high = 1 + high % (5 - low);
        if (low + high < 3) high = 3 - low;
        int256 other = PRICE + int256(uint256(spread) * 1e6);
        ReferenceRateFeed.Opinion[] memory opinions = new ReferenceRateFeed.Opinion[](2);
        opinions[0] = opinionOf(PRICE, 0, low);
        opinions[1] = opinionOf(other, low, high);
        int256 expected = low >= high ? PRICE : other;
        bool far = uint256(other - PRICE) * 10_000 > uint256(expected) * 100;
        if (far) vm.expectPartialRevert(ReferenceRateFeed.TooFarFromMedian.selector);
        int256 answer = feed.post(committee, 1, uint64(block.timestamp), opinions);
        require(far || answer == expected, "weighted lower median");
    }

    function test_nobodyIsFarFromTheMedian() public {
        int256[] memory values = new int256[](3);
        (values[0], values[1], values[2]) = (PRICE, PRICE, PRICE * 10_100 / 10_000 + 1);
        ReferenceRateFeed.Opinion[] memory opinions = own(1, values);
        vm.expectRevert(
            abi.encodeWithSelector(ReferenceRateFeed.TooFarFromMedian.selector, PRICE, values[2], 100)
        );
        feed.post(committee, 1, uint64(block.timestamp), opinions);
        (values[0], values[1], values[2]) = (PRICE * 9_900 / 10_000 - 1, PRICE, PRICE);
        opinions = own(1, values);
        vm.expectRevert(
            abi.encodeWithSelector(ReferenceRateFeed.TooFarFromMedian.selector, PRICE, values[0], 100)
        );
        feed.post(committee, 1, uint64(block.timestamp), opinions);
        (values[0], values[1], values[2]) = (type(int256).min, -1, type(int256).max);
        opinions = own(1, values);
        vm.expectPartialRevert(ReferenceRateFeed.TooFarFromMedian.selector);
        feed.post(committee, 1, uint64(block.timestamp), opinions);
    }

    function test_opinionsAreSortedAndSignedOnce() public {
        int256[] memory values = new int256[](3);
        (values[0], values[1], values[2]) = (PRICE, PRICE - 1, PRICE);
        ReferenceRateFeed.Opinion[] memory opinions = own(1, values);
        vm.expectRevert(abi.encodeWithSelector(ReferenceRateFeed.OpinionsUnsorted.selector, 1));
        feed.post(committee, 1, uint64(block.timestamp), opinions);
        opinions[0] = opinionOf(PRICE, 0, 2);
        opinions[1] = opinionOf(PRICE, 1, 2);
        opinions[2] = opinionOf(PRICE, 3, 1);
        vm.expectRevert(abi.encodeWithSelector(ReferenceRateFeed.SignedTwice.selector, 2));
        feed.post(committee, 1, uint64(block.timestamp), opinions);
    }

    // -------------------------------------------------------------------------------------------- disputes

    function test_aDisputedRoundIsNeverTheAnswer() public {
        post(PRICE);
        uint256 firstAt = block.timestamp;
        pass(60);
        post(PRICE + 1);
        vm.prank(alice);
        vm.expectEmit();
        emit AnswerUpdated(PRICE, 2, firstAt);
        feed.dispute(2, "look here");
        (uint80 roundId, int256 answer,, uint256 updatedAt, uint80 answeredIn) = feed.latestRoundData();
        require(roundId == 2 && answer == PRICE && updatedAt == firstAt && answeredIn == 1, "the one before");
        require(feed.latestAnswer() == PRICE && feed.latestTimestamp() == firstAt, "classic");
        require(feed.latestRound() == 2, "the round was there");
        disputeBy(alice, 1);
        vm.expectRevert(bytes("No data present"));
        feed.latestRoundData();
        bytes32 digest = feed.rulingDigest(2, true, "reasons", 1);
        Signatures memory signatures = signed(reviewerKeys, 3, digest);
        vm.expectEmit();
        emit AnswerUpdated(PRICE + 1, 2, firstAt + 60);
        feed.rule(2, true, "reasons", reviewers, signatures);
        (roundId, answer,,, answeredIn) = feed.latestRoundData();
        require(roundId == 2 && answer == PRICE + 1 && answeredIn == 2, "confirmed");
        ruleRound(1, false);
        vm.expectRevert(bytes("No data present"));
        feed.getRoundData(1);
    }

    function test_reportersCannotWriteADisputedRoundAgainNorWalkOnFromIt() public {
        post(PRICE);
        pass(60);
        post(PRICE * 10_500 / 10_000);
        disputeBy(alice, 2);
        pass(60);
        ReferenceRateFeed.Opinion[] memory again = agreed(2, PRICE, uint64(block.timestamp), 3);
        vm.expectRevert(abi.encodeWithSelector(ReferenceRateFeed.RoundUnexpected.selector, 3, 2));
        feed.post(committee, 2, uint64(block.timestamp), again);
        post(PRICE * 10_400 / 10_000);
        pass(60);
        // Held against round 1 and not against round 3, as long as the dispute is open.
        refusesMove(PRICE * 10_501 / 10_000, 1, PRICE, 500);
        disputeBy(alice, 3);
        refusesMove(PRICE * 10_501 / 10_000, 1, PRICE, 500);
        ruleRound(2, false);
        refusesMove(PRICE * 10_501 / 10_000, 1, PRICE, 500);
        ruleRound(3, true);
        post(PRICE * 10_501 / 10_000);
        disputeBy(alice, 4);
        disputeBy(alice, 1);
        pass(60);
        // Nothing undisputed lies before all of them: the newest undisputed one is what is left.
        refusesMove(PRICE * 10_400 / 10_000 * 2, 3, PRICE * 10_400 / 10_000, 500);
    }

    function test_theMarkIsBeforeAllOpenDisputes() public {
        for (int256 i = 0; i < 4; ++i) {
            post(PRICE * (10_000 + 100 * i) / 10_000);
            pass(60);
        }
        disputeBy(alice, 3);
        refusesMove(PRICE * 2, 2, PRICE * 10_100 / 10_000, 500);
        // A later dispute leaves it where it is, though round 4 is undisputed and newer.
        post(PRICE);
        disputeBy(alice, 5);
        pass(60);
        refusesMove(PRICE * 2, 2, PRICE * 10_100 / 10_000, 500);
        // An earlier one moves it back.
        disputeBy(alice, 2);
        refusesMove(PRICE * 2, 1, PRICE, 500);
        ruleRound(2, true);
        ruleRound(3, true);
        ruleRound(5, false);
        refusesMove(PRICE * 2, 4, PRICE * 10_300 / 10_000, 500);
    }

    function test_aFoundedDispute() public {
        post(PRICE);
        disputeBy(alice, 1);
        (, uint256 locked,,) = vault.stakeOf(providerId);
        require(locked == 1_000e18, "stake at risk");
        uint256 supply = token.totalSupply();
        ruleRound(1, false);
        require(vault.owed(alice) == 100e18 + 500e18, "bond and half of the stake");
        require(supply - token.totalSupply() == 500e18, "the other half is destroyed");
        (uint256 total, uint256 stillLocked,,) = vault.stakeOf(providerId);
        require(total == 9_000e18 && stillLocked == 0, "slashed");
        require(vault.potOf(address(feed), bytes32(uint256(1))) == 0 && feed.openDisputes() == 0, "nothing stuck");
    }

    function test_anUnfoundedDispute() public {
        post(PRICE);
        disputeBy(alice, 1);
        uint256 supply = token.totalSupply();
        ruleRound(1, true);
        require(vault.owed(alice) == 0 && vault.owed(operator) == 50e18, "who was right gets it");
        require(supply - token.totalSupply() == 50e18, "half is destroyed");
        (uint256 total, uint256 locked,,) = vault.stakeOf(providerId);
        require(total == 10_000e18 && locked == 0, "unlocked");
        require(vault.potOf(address(feed), bytes32(uint256(1))) == 0, "nothing stuck");
        refusesDispute(alice, abi.encodeWithSelector(
            ReferenceRateFeed.RoundPhase.selector, 1, ReferenceRateFeed.Phase.Confirmed
        ));
    }

    function test_withoutAProviderTheTreasuryGetsIt() public {
        feed = newFeed(0);
        feed.setCommittees(committee, reviewers);
        post(PRICE);
        disputeBy(alice, 1);
        ruleRound(1, true);
        require(vault.owed(address(timelock)) == 50e18, "treasury");
        pass(1);
        post(PRICE);
        disputeBy(alice, 2);
        ruleRound(2, false);
        require(vault.owed(alice) == 100e18, "nothing to win but the bond");
    }

    function test_silenceWithdrawsAndCosts() public {
        post(PRICE);
        disputeBy(alice, 1);
        uint48 deadline = uint48(block.timestamp + 2 days);
        pass(2 days);
        vm.expectRevert(abi.encodeWithSelector(ReferenceRateFeed.DeadlineAhead.selector, deadline));
        feed.lapse(1);
        pass(1);
        bytes32 digest = feed.rulingDigest(1, true, "reasons", 1);
        Signatures memory signatures = signed(reviewerKeys, 3, digest);
        vm.expectRevert(abi.encodeWithSelector(ReferenceRateFeed.DeadlinePassed.selector, deadline));
        feed.rule(1, true, "reasons", reviewers, signatures);
        uint256 supply = token.totalSupply();
        feed.lapse(1);
        require(vault.owed(alice) == 50e18 && supply - token.totalSupply() == 50e18, "half of the bond");
        requireStatus(1, ReferenceRateFeed.Status.Withdrawn, block.timestamp);
        (uint256 total, uint256 locked,,) = vault.stakeOf(providerId);
        require(total == 10_000e18 && locked == 0, "unlocked");
        vm.expectRevert(
            abi.encodeWithSelector(ReferenceRateFeed.RoundPhase.selector, 1, ReferenceRateFeed.Phase.Withdrawn)
        );
        feed.lapse(1);
    }

    function test_whatCannotBeDisputed() public {
        refusesDispute(alice, abi.encodeWithSelector(
            ReferenceRateFeed.RoundPhase.selector, 1, ReferenceRateFeed.Phase.None
        ));
        post(PRICE, uint64(block.timestamp - 100));
        refusesDispute(operator, abi.encodeWithSelector(ReferenceRateFeed.SelfDispute.selector, operator));
        // Without tokens there is no bond.
        vm.prank(address(0xB0B));
        vm.expectRevert();
        feed.dispute(1, "look here");
        uint256 until = block.timestamp + 6 hours;
        vm.warp(until + 1);
        refusesDispute(alice, abi.encodeWithSelector(ReferenceRateFeed.DisputeOver.selector, until));
        vm.warp(until);
        disputeBy(alice, 1);
        refusesDispute(alice, abi.encodeWithSelector(
            ReferenceRateFeed.RoundPhase.selector, 1, ReferenceRateFeed.Phase.Disputed
        ));
    }

    function test_whoRules() public {
        post(PRICE);
        address reviewer = funded(reviewers.members[0], 100e18);
        disputeBy(reviewer, 1);
        bytes32 digest = feed.rulingDigest(1, false, "reasons", 1);
        Signatures memory signatures = signed(reviewerKeys, 3, digest);
        vm.expectRevert(abi.encodeWithSelector(ReferenceRateFeed.ReviewerIsParty.selector, reviewer));
        feed.rule(1, false, "reasons", reviewers, signatures);
        vm.expectPartialRevert(Quorum.SignatureInvalid.selector);
        feed.rule(1, true, "reasons", reviewers, signatures);
        // Reporters do not judge their own rounds.
        signatures = signed(committeeKeys, 3, digest);
        vm.expectPartialRevert(Quorum.CommitteeUnknown.selector);
        feed.rule(1, false, "reasons", committee, signatures);
        // The provider's controller does not either.
        vm.prank(operator);
        registry.proposeController(providerId, reviewers.members[3]);
        vm.prank(reviewers.members[3]);
        registry.acceptController(providerId);
        signatures = signed(reviewerKeys, 4, digest);
        signatures.signers = 30;
        for (uint256 i = 0; i < 4; ++i) signatures.rvs[i] = compact(reviewerKeys[i + 1], digest);
        vm.expectRevert(abi.encodeWithSelector(ReferenceRateFeed.ReviewerIsParty.selector, reviewers.members[3]));
        feed.rule(1, false, "reasons", reviewers, signatures);
        vm.expectRevert(
            abi.encodeWithSelector(ReferenceRateFeed.RoundPhase.selector, 2, ReferenceRateFeed.Phase.None)
        );
        feed.rule(2, false, "reasons", reviewers, signatures);
    }

    function test_oneBondDoesNotStopTheFeed() public {
        post(PRICE);
        disputeBy(alice, 1);
        for (uint256 i = 0; i < 5; ++i) {
            pass(60);
            post(PRICE);
            require(feed.latestTimestamp() == block.timestamp, "the feed goes on");
        }
    }

    function test_anOpenDisputeKeepsItsTerms() public {
        post(PRICE);
        disputeBy(alice, 1);
        ReferenceRateFeed.Limits memory changed = limits();
        (changed.bond, changed.burnBps, changed.rulingSeconds, changed.stakeAtRisk) = (1, 10_000, 10 minutes, 0);
        feed.setLimits(changed);
        pass(2 days);
        ruleRound(1, false);
        require(vault.owed(alice) == 100e18 + 500e18, "as agreed");
    }

    function test_manyDisputedRounds() public {
        for (uint256 i = 0; i < 700; ++i) {
            post(PRICE + int256(i % 7));
            pass(10);
        }
        for (uint80 i = 700; i > 120; --i) {
            disputeBy(alice, i);
            if (i % 97 == 0) requireAnsweredIn(700, i - 1);
        }
        requireAnsweredIn(700, 120);
        requireAnsweredIn(300, 120);
        requireAnsweredIn(100, 100);
        ruleRound(255, true);
        requireAnsweredIn(700, 255);
        ruleRound(512, true);
        requireAnsweredIn(700, 512);
        requireAnsweredIn(511, 255);
        requireAnsweredIn(254, 120);
    }

    /// The search is bounded: a feed whose rounds are all disputed has no answer, and goes on with the next.
    function test_theSearchIsBounded() public {
        post(PRICE);
        // All of rounds 2 to 1,300 disputed, written where the contract keeps it.
        uint256 slot = slotOfExcluded();
        for (uint256 word = 0; word < 5; ++word)
            vm.store(address(feed), keccak256(abi.encode(word, slot)), bytes32(type(uint256).max));
        vm.store(address(feed), keccak256(abi.encode(uint256(0), slot)), bytes32(type(uint256).max - 2));
        setNewestRound(1_023);
        setPhase(1_023, ReferenceRateFeed.Phase.Withdrawn);
        requireAnsweredIn(1_023, 1);
        setNewestRound(1_024);
        setPhase(1_024, ReferenceRateFeed.Phase.Withdrawn);
        vm.expectRevert(bytes("No data present"));
        feed.latestRoundData();
    }

    // ------------------------------------------------------------------------------------------ governance

    function test_onlyGovernanceDecides() public {
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, alice));
        feed.setLimits(limits());
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, alice));
        feed.setCommittees(committee, reviewers);
    }

    function test_committees() public {
        Committee memory next = committeeOf(committeeKeys, 3);
        Committee memory judges = committeeOf(reviewerKeys, 3);
        vm.expectRevert(abi.encodeWithSelector(ReferenceRateFeed.EpochUnexpected.selector, 2, 1));
        feed.setCommittees(next, judges);
        next.epoch = 2;
        vm.expectRevert(abi.encodeWithSelector(ReferenceRateFeed.EpochUnexpected.selector, 2, 1));
        feed.setCommittees(next, judges);
        judges.epoch = 2;
        feed.setCommittees(next, judges);
        // A signature of the epoch before is worth nothing.
        ReferenceRateFeed.Opinion[] memory old = agreed(1, PRICE, uint64(block.timestamp), 3);
        vm.expectPartialRevert(Quorum.SignatureInvalid.selector);
        feed.post(next, 1, uint64(block.timestamp), old);
    }

    function testFuzz_nobodyReportsAndReviews(uint8 who, uint8 place) public {
        uint256 key = committeeKeys[who % 5];
        reviewerKeys[place % 9] = key;
        sortByAddress(reviewerKeys);
        Committee memory both = committeeOf(reviewerKeys, 3);
        Committee memory next = committeeOf(committeeKeys, 3);
        (both.epoch, next.epoch) = (2, 2);
        vm.expectRevert(abi.encodeWithSelector(ReferenceRateFeed.ReporterReviews.selector, vm.addr(key)));
        feed.setCommittees(next, both);
    }

    function test_limitsHaveLimits() public {
        ReferenceRateFeed.Limits memory given = limits();
        given.maxAnswer = -1;
        refusesLimits(given, "maxAnswer");
        given = limits();
        given.minAnswer = 0;
        refusesLimits(given, "minAnswer");
        given.minAnswer = -1;
        refusesLimits(given, "minAnswer");
        given.minAnswer = given.maxAnswer + 1;
        refusesLimits(given, "minAnswer");
        given = limits();
        given.heartbeatSeconds = 0;
        refusesLimits(given, "heartbeatSeconds");
        given = limits();
        given.maxReportAgeSeconds = 3_601;
        refusesLimits(given, "maxReportAgeSeconds");
        given = limits();
        given.maxDeviationBps = 10_001;
        refusesLimits(given, "maxDeviationBps");
        given = limits();
        given.maxSpreadBps = 0;
        refusesLimits(given, "maxSpreadBps");
        given = limits();
        given.bond = 0;
        refusesLimits(given, "bond");
        given = limits();
        given.burnBps = 999;
        refusesLimits(given, "burnBps");
        given = limits();
        given.rulingSeconds = 30 days + 1;
        refusesLimits(given, "rulingSeconds");
        given = limits();
        given.disputeSeconds = 21 days + 1;
        refusesLimits(given, "disputeSeconds");
    }

    // ---------------------------------------------------------------------------------------------- helpers

    function opinionOf(int256 answer, uint256 first, uint256 count)
        internal
        view
        returns (ReferenceRateFeed.Opinion memory)
    {
        bytes32 digest = feed.reportDigest(1, 1, answer, uint64(block.timestamp), "evidence");
        bytes32[2][] memory rvs = new bytes32[2][](count);
        for (uint256 i = 0; i < count; ++i) rvs[i] = compact(committeeKeys[first + i], digest);
        return ReferenceRateFeed.Opinion(answer, "evidence", Signatures(((1 << count) - 1) << first, rvs));
    }

    function refusesTime(uint64 observedAt, uint64 earliest) internal {
        uint80 roundId = uint80(feed.latestRound()) + 1;
        ReferenceRateFeed.Opinion[] memory opinions = agreed(roundId, PRICE, observedAt, 3);
        vm.expectRevert(
            abi.encodeWithSelector(
                ReferenceRateFeed.ObservedAtOutside.selector, earliest, block.timestamp, observedAt
            )
        );
        feed.post(committee, roundId, observedAt, opinions);
    }

    function refusesMove(int256 answer, uint80 fromRound, int256 from, uint256 allowedBps) internal {
        uint80 roundId = uint80(feed.latestRound()) + 1;
        ReferenceRateFeed.Opinion[] memory opinions = agreed(roundId, answer, uint64(block.timestamp), 3);
        vm.expectRevert(
            abi.encodeWithSelector(ReferenceRateFeed.AnswerMoved.selector, fromRound, from, answer, allowedBps)
        );
        feed.post(committee, roundId, uint64(block.timestamp), opinions);
    }

    function refusesDispute(address who, bytes memory why) internal {
        vm.prank(who);
        vm.expectRevert(why);
        feed.dispute(1, "look here");
    }

    function refusesLimits(ReferenceRateFeed.Limits memory given, bytes32 which) internal {
        try feed.setLimits(given) {
            revert("accepted");
        } catch (bytes memory why) {
            bytes32 named;
            assembly {
                named := mload(add(why, 36))
            }
            require(bytes4(why) == ReferenceRateFeed.LimitOutside.selector && named == which, "which limit");
        }
    }

    function requireStatus(uint80 roundId, ReferenceRateFeed.Status expected, uint256 at) internal view {
        (ReferenceRateFeed.Status status, uint48 since) = feed.statusOf(roundId);
        require(status == expected, "status");
        require(since == at, "since");
    }

    function requireAnsweredIn(uint80 roundId, uint80 expected) internal view {
        (uint80 asked, int256 answer,,, uint80 answeredIn) = feed.getRoundData(roundId);
        require(asked == roundId && answeredIn == expected, "answered in");
        require(answer == feed.roundOf(expected).answer, "answer");
    }

    // Storage, found by what the contract reads: the layout is nobody's interface.

    function slotOfExcluded() internal view returns (uint256 slot) {
        for (slot = 0; slot < 40; ++slot)
            if (vm.load(address(feed), keccak256(abi.encode(uint256(0), slot))) == bytes32(uint256(1))) return slot;
        revert("no such slot");
    }

    function setNewestRound(uint80 roundId) internal {
        uint256 current = feed.latestRound();
        for (uint256 slot = 0; slot < 40; ++slot) {
            uint256 word = uint256(vm.load(address(feed), bytes32(slot)));
            // epoch 1 in the lowest 64 bits, the newest round above it.
            if (word << 112 >> 112 != (current << 64 | 1)) continue;
            vm.store(address(feed), bytes32(slot), bytes32(word - (current << 64) + (uint256(roundId) << 64)));
        }
        require(feed.latestRound() == roundId, "newest round");
    }

    function setPhase(uint80 roundId, ReferenceRateFeed.Phase phase) internal {
        // The mapping before `disputes`, which is before `excluded`.
        bytes32 slot = keccak256(abi.encode(roundId, slotOfRounds()));
        vm.store(address(feed), slot, bytes32(uint256(phase) << 248));
        require(feed.roundOf(roundId).phase == phase, "phase");
    }

    function slotOfRounds() internal view returns (uint256 slot) {
        for (slot = 0; slot < 40; ++slot)
            if (uint192(uint256(vm.load(address(feed), keccak256(abi.encode(uint256(1), slot))))) == uint256(PRICE))
                return slot;
        revert("no such slot");
    }
}

/// Plays everybody at random: reporters, disputers, reviewers, people who only pass by, and time.
contract FeedPlayers is FeedFixture {
    uint256 internal constant MOST_ROUNDS = 300;
    /// How many rounds are looked at after each call; at the end it is all of them.
    uint80 public constant WINDOW = 10;
    address[2] internal disputers;
    uint256 public supply;
    int256[] internal posted;
    mapping(uint80 roundId => uint256) public endings;
    uint256 public disputesEver;
    uint256 public endingsEver;

    constructor() {
        deployFeed();
        disputers = [alice, funded(address(0xB0B), 100_000e18)];
        supply = token.totalSupply();
    }

    function report(int16 step, uint16 seconds_) external {
        if (feed.latestRound() == MOST_ROUNDS) return;
        pass(1 + seconds_ % 2 hours);
        int256 last = posted.length == 0 ? PRICE : posted[posted.length - 1];
        int256 answer = last + last * (step % 600) / 10_000;
        uint80 roundId = uint80(feed.latestRound()) + 1;
        uint64 at = uint64(block.timestamp);
        try feed.post(committee, roundId, at, agreed(roundId, answer, at, 3)) {
            posted.push(answer);
        } catch {}
    }

    function dispute(uint256 who, uint80 back) external {
        uint80 newest = uint80(feed.latestRound());
        if (newest == 0) return;
        vm.prank(disputers[who % 2]);
        try feed.dispute(newest - back % (newest > 6 ? 6 : newest), "") {
            ++disputesEver;
        } catch {}
    }

    function rule(uint80 which, bool stands) external {
        uint80 roundId = disputed(which);
        if (roundId == 0) return;
        bytes32 digest = feed.rulingDigest(roundId, stands, "", 1);
        try feed.rule(roundId, stands, "", reviewers, signed(reviewerKeys, 3, digest)) {
            ++endings[roundId];
            ++endingsEver;
        } catch {}
    }

    function lapse(uint80 which) external {
        uint80 roundId = disputed(which);
        if (roundId == 0) return;
        try feed.lapse(roundId) {
            ++endings[roundId];
            ++endingsEver;
        } catch {}
    }

    function waitLong(uint32 seconds_) external {
        pass(seconds_ % 3 days);
    }

    function unbond() external {
        vm.prank(operator);
        try vault.beginUnbonding(providerId, 100e18) {} catch {}
    }

    function withdraw() external {
        vm.prank(operator);
        try vault.withdraw(providerId) {} catch {}
    }

    /// The first open dispute from a place on; 0 when there is none.
    function disputed(uint80 from) internal view returns (uint80) {
        uint80 newest = uint80(feed.latestRound());
        for (uint80 i = 0; i < newest; ++i) {
            uint80 roundId = 1 + (from % newest + i) % newest;
            if (feed.roundOf(roundId).phase == ReferenceRateFeed.Phase.Disputed) return roundId;
        }
        return 0;
    }

    // ------------------------------------------------------------------------------------------ what must hold

    /// Each round gives the newest undisputed answer up to it, with that answer's age, and says which it is.
    function requireReading(uint80 window) external view {
        uint80 newest = uint80(feed.latestRound());
        require(newest == posted.length, "a round is never written twice");
        uint80 first = newest > window ? newest - window : 1;
        uint80 good = 0;
        if (first > 1 && feed.getAnswer(first - 1) != 0) (,,,, good) = feed.getRoundData(first - 1);
        for (uint80 roundId = first; roundId <= newest; ++roundId) {
            ReferenceRateFeed.Round memory round = feed.roundOf(roundId);
            require(round.answer == posted[roundId - 1], "what was posted stays");
            bool out =
                round.phase == ReferenceRateFeed.Phase.Disputed || round.phase == ReferenceRateFeed.Phase.Withdrawn;
            if (!out) good = roundId;
            if (good == 0) {
                require(feed.getAnswer(roundId) == 0, "no answer");
                continue;
            }
            (uint80 asked, int256 answer,, uint256 updatedAt, uint80 answeredIn) = feed.getRoundData(roundId);
            require(asked == roundId && answeredIn == good && answer == posted[good - 1], "the newest undisputed");
            require(updatedAt == feed.roundOf(good).observedAt && updatedAt <= block.timestamp, "its age");
            require(out == (answeredIn < roundId), "a round that does not count says so");
        }
    }

    /// Each pot holds the bond of its open dispute and nothing else; a dispute ends once.
    function requireMoney() external view {
        uint256 open = 0;
        uint256 held = 0;
        for (uint80 roundId = 1; roundId <= posted.length; ++roundId) {
            (,,, uint112 bond, uint112 atRisk,) = feed.disputes(roundId);
            bool isOpen = feed.roundOf(roundId).phase == ReferenceRateFeed.Phase.Disputed;
            uint256 pot = vault.potOf(address(feed), bytes32(uint256(roundId)));
            require(pot == (isOpen ? bond : 0), "a pot holds the bond of its open dispute");
            require(endings[roundId] <= 1 && (!isOpen || endings[roundId] == 0), "ends once");
            if (!isOpen) continue;
            ++open;
            held += atRisk;
        }
        require(feed.openDisputes() == open, "open disputes");
        require(vault.lockedBy(address(feed), providerId) == held, "stake held");
    }

    /// What the vault has is what it owes, bond by bond.
    function requireVault() external view {
        uint256 open = disputesEver - endingsEver;
        require(feed.openDisputes() == open, "open disputes");
        (uint256 total, uint256 locked,,) = vault.stakeOf(providerId);
        require(locked <= open * 1_000e18 && vault.lockedBy(address(feed), providerId) == locked, "stake held");
        uint256 owed = vault.owed(operator) + vault.owed(disputers[0]) + vault.owed(disputers[1]);
        require(token.balanceOf(address(vault)) == total + open * 100e18 + owed, "the vault holds what it owes");
        require(token.totalSupply() <= supply, "nothing is made");
    }

    /// Every dispute can end, whoever is silent.
    function requireEnd() external {
        pass(3 days);
        for (uint80 roundId = 1; roundId <= posted.length; ++roundId)
            if (feed.roundOf(roundId).phase == ReferenceRateFeed.Phase.Disputed) feed.lapse(roundId);
        require(feed.openDisputes() == 0, "all ended");
        (, uint256 locked,,) = vault.stakeOf(providerId);
        require(locked == 0, "nothing stuck");
        // And the feed goes on.
        pass(40 days);
        post(PRICE);
        require(feed.latestAnswer() == PRICE, "a new answer");
    }
}

contract ReferenceRateFeedInvariants {
    FeedPlayers internal players;

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function setUp() public {
        players = new FeedPlayers();
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

    function invariant_readingIsRight() public view {
        players.requireReading(players.WINDOW());
        players.requireVault();
    }

    function afterInvariant() public {
        players.requireReading(type(uint80).max);
        players.requireMoney();
        players.requireEnd();
    }
}
