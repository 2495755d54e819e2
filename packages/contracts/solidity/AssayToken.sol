// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";
import {ERC20Permit, Nonces} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC20Votes} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Votes.sol";

/// @title AssayToken
/// @notice The token that is staked and votes. There are as many as were made at the start, less those burned.
contract AssayToken is ERC20, ERC20Burnable, ERC20Permit, ERC20Votes {
    /// @notice All there ever are, with 18 decimals.
    uint256 public constant INITIAL_SUPPLY = 1_000_000_000e18;

    /// @param holder Receives all of them, to hand them on.
    constructor(address holder) ERC20("Assay", "ASSAY") ERC20Permit("Assay") {
        _mint(holder, INITIAL_SUPPLY);
    }

    /// @notice Votes are counted by time and not by block number, which runs at another speed on every chain.
    function clock() public view override returns (uint48) {
        return uint48(block.timestamp);
    }

    /// @notice How `clock` counts (ERC-6372).
    // solhint-disable-next-line func-name-mixedcase
    function CLOCK_MODE() public pure override returns (string memory) {
        return "mode=timestamp";
    }

    /// @inheritdoc ERC20Permit
    function nonces(address owner) public view override(ERC20Permit, Nonces) returns (uint256) {
        return super.nonces(owner);
    }

    function _update(address from, address to, uint256 value) internal override(ERC20, ERC20Votes) {
        super._update(from, to, value);
    }
}
