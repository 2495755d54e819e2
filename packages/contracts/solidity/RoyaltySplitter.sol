// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";

/// @title IRoyaltyPayees
/// @notice Who gets what arrives at a splitter.
interface IRoyaltyPayees {
    /// @notice The payee at a place.
    /// @dev Reverts while nothing may be paid, and where nobody is.
    /// @param content SHA-256 of the content.
    /// @param splitter The splitter that asks.
    /// @return payee Who is paid.
    /// @return parts His parts of all that ever arrived, of 100,000,000; 0 when he gets all that is left.
    function royaltyPayee(bytes32 content, address splitter, uint256 place)
        external
        view
        returns (address payee, uint256 parts);
}

/// @title RoyaltySplitter
/// @notice Receives the royalties of one content, in ether and in any ERC-20, and gives each author and each parent
///         their part when somebody asks for it. One payee who cannot be paid does not hold up another.
/// @dev A minimal proxy for each content, with its digest in the code; the registry that made this contract says who
///      the payees are. Receiving takes about 3,000 gas: a seller that sends royalties with 2,300 is refused. Tokens
///      whose balances change by themselves are not supported; they can only spoil their own shares.
contract RoyaltySplitter {
    using SafeERC20 for IERC20;

    /// @notice Parts that a whole is divided into.
    uint256 public constant WHOLE = 100_000_000;
    /// @notice The registry of contents.
    IRoyaltyPayees public immutable registry;

    /// @notice What was paid in total, by asset (zero for ether), in its smallest unit.
    mapping(address asset => uint256) public released;
    /// @notice What was paid to a payee, by asset and place, in its smallest unit.
    mapping(address asset => mapping(uint256 place => uint256)) public releasedTo;

    /// @notice A payee was paid.
    event Released(address indexed asset, uint256 indexed place, address indexed payee, uint256 amount);

    constructor() {
        registry = IRoyaltyPayees(msg.sender);
    }

    receive() external payable {}

    /// @notice Pays what a payee may have now. Anybody may ask for it.
    /// @param asset The ERC-20 to pay; zero for ether.
    /// @param place Of the payee: authors first, then parents, in the order of the claim.
    /// @return amount In the asset's smallest unit; 0 when nothing is due.
    function release(address asset, uint256 place) external returns (uint256 amount) {
        (address payee, uint256 parts) = registry.royaltyPayee(content(), address(this), place);
        uint256 balance = asset == address(0) ? address(this).balance : IERC20(asset).balanceOf(address(this));
        uint256 before = releasedTo[asset][place];
        amount = parts == 0 ? balance : (balance + released[asset]) * parts / WHOLE - before;
        if (amount == 0) return 0;
        released[asset] += amount;
        releasedTo[asset][place] = before + amount;
        emit Released(asset, place, payee, amount);
        if (asset == address(0)) Address.sendValue(payable(payee), amount);
        else IERC20(asset).safeTransfer(payee, amount);
    }

    /// @notice SHA-256 of the content whose royalties these are.
    function content() public view returns (bytes32) {
        return abi.decode(Clones.fetchCloneArgs(address(this)), (bytes32));
    }
}
