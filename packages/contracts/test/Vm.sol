// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// The cheat codes of Foundry's EVM that the tests use.
interface Vm {
    function addr(uint256 secret) external pure returns (address);
    function assume(bool condition) external pure;
    function chainId(uint256 id) external;
    function deal(address account, uint256 wei_) external;
    function etch(address account, bytes calldata code) external;
    function expectEmit() external;
    function expectPartialRevert(bytes4) external;
    function expectRevert() external;
    function expectRevert(bytes4) external;
    function expectRevert(bytes calldata) external;
    function load(address, bytes32) external view returns (bytes32);
    function mockCall(address, bytes calldata, bytes calldata) external;
    function prank(address) external;
    function prevrandao(bytes32) external;
    function setBlockhash(uint256 block_, bytes32 hash) external;
    function roll(uint256 block_) external;
    function sign(uint256 secret, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function startPrank(address) external;
    function stopPrank() external;
    function store(address, bytes32, bytes32) external;
    function warp(uint256 seconds_) external;
}

Vm constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
