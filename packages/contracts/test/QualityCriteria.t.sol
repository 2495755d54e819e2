// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Criteria, QualityCriteria} from "../solidity/QualityCriteria.sol";
import {CONTRACT, Fixture} from "./Fixture.sol";
import {vm} from "./Vm.sol";

/// What the chain asks of a number, and which data contracts it takes.
contract QualityCriteriaTest is Fixture {
    function setUp() public {
        deployEconomy();
    }

    function test_everyChangeHasANumberAndATime() public {
        (, uint32 revision, uint48 since, bool inForce) = criteria.criteriaOf(CONTRACT);
        require(revision == 1 && since == block.timestamp && inForce, "first");
        vm.warp(block.timestamp + 5);
        Criteria memory changed = terms();
        changed.requiredLevel = 5;
        criteria.set(CONTRACT, changed);
        Criteria memory now_;
        (now_, revision, since, inForce) = criteria.criteriaOf(CONTRACT);
        require(now_.requiredLevel == 5 && revision == 2 && since == block.timestamp && inForce, "second");
        criteria.retire(CONTRACT);
        (, revision,, inForce) = criteria.criteriaOf(CONTRACT);
        require(revision == 3 && !inForce, "retired");
        vm.expectRevert(abi.encodeWithSelector(QualityCriteria.NotInForce.selector, CONTRACT));
        criteria.retire(CONTRACT);
        require(check(1, block.timestamp, 1) == QualityCriteria.Finding.NoCriteria, "nothing is asked");
    }

    function test_holdsANumberAgainstItsContract() public view {
        uint256 nowSeconds = block.timestamp;
        int256 price = 60_000e8;
        require(check(price, nowSeconds, price) == QualityCriteria.Finding.Pass, "pass");
        require(check(0, nowSeconds, 0) == QualityCriteria.Finding.BelowMinimum, "below");
        require(check(1_000_001e8, nowSeconds, price) == QualityCriteria.Finding.AboveMaximum, "above");
        require(check(price, nowSeconds + 30, price) == QualityCriteria.Finding.Pass, "skew");
        require(check(price, nowSeconds + 31, price) == QualityCriteria.Finding.FromTheFuture, "future");
        require(check(price, nowSeconds - 1 hours, price) == QualityCriteria.Finding.Pass, "old");
        require(check(price, nowSeconds - 1 hours - 1, price) == QualityCriteria.Finding.Stale, "stale");
        require(check(60_600e8, nowSeconds, price) == QualityCriteria.Finding.Pass, "one per cent");
        require(check(60_600e8 + 1, nowSeconds, price) == QualityCriteria.Finding.Deviates, "more");
        require(check(59_400e8 - 1, nowSeconds, price) == QualityCriteria.Finding.Deviates, "less");
    }

    /// Against the definition in wide arithmetic: |value − median|·10,000 > bps·|median|.
    function testFuzz_theDistanceIsExact(int128 value, int128 median, uint16 bps) public {
        Criteria memory wide = terms();
        wide.minimum = type(int256).min;
        wide.maximum = type(int256).max;
        wide.maxDeviationBps = bps % 10_001;
        criteria.set(CONTRACT, wide);
        int256 apart = int256(value) - median;
        uint256 distance = uint256(apart < 0 ? -apart : apart);
        uint256 size = uint256(median < 0 ? -int256(median) : int256(median));
        bool deviates = distance * 10_000 > wide.maxDeviationBps * size;
        QualityCriteria.Finding expected =
            deviates ? QualityCriteria.Finding.Deviates : QualityCriteria.Finding.Pass;
        require(check(value, block.timestamp, median) == expected, "deviation");
    }

    function testFuzz_noNumberBreaksIt(int256 value, int256 median) public {
        Criteria memory wide = terms();
        wide.minimum = type(int256).min;
        wide.maximum = type(int256).max;
        criteria.set(CONTRACT, wide);
        check(value, block.timestamp, median);
    }

    function test_refusesCriteriaThatMakeNoSense() public {
        vm.expectRevert(QualityCriteria.DigestZero.selector);
        criteria.set(0, terms());
        Criteria memory changed = terms();
        changed.requiredLevel = 6;
        expectRefused(changed, abi.encodeWithSelector(QualityCriteria.LevelUnknown.selector, 6));
        changed = terms();
        changed.disputeSeconds = 599;
        expectRefused(
            changed,
            abi.encodeWithSelector(QualityCriteria.DisputeSecondsOutside.selector, 10 minutes, 3 days, 599)
        );
        changed.disputeSeconds = 3 days + 1;
        expectRefused(
            changed,
            abi.encodeWithSelector(QualityCriteria.DisputeSecondsOutside.selector, 10 minutes, 3 days, 3 days + 1)
        );
        changed = terms();
        changed.samplingPpm = 1_000_001;
        expectRefused(
            changed, abi.encodeWithSelector(QualityCriteria.ShareTooLarge.selector, 1_000_000, 1_000_001)
        );
        changed = terms();
        changed.maxDeviationBps = 10_001;
        expectRefused(changed, abi.encodeWithSelector(QualityCriteria.ShareTooLarge.selector, 10_000, 10_001));
        changed = terms();
        changed.minimum = changed.maximum + 1;
        expectRefused(
            changed,
            abi.encodeWithSelector(QualityCriteria.RangeEmpty.selector, changed.minimum, changed.maximum)
        );
    }

    function check(int256 value, uint256 observedAt, int256 median)
        internal
        view
        returns (QualityCriteria.Finding)
    {
        return criteria.check(CONTRACT, value, observedAt, median);
    }

    function expectRefused(Criteria memory changed, bytes memory refusal) internal {
        vm.expectRevert(refusal);
        criteria.set(CONTRACT, changed);
    }
}
