// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IProviderRegistry} from "./IStakeVault.sol";

/// @title ProviderRegistry
/// @notice Says which account acts for a provider of data. A provider is a DID together with the account that first
///         claimed it, so that nobody can take another's place by being faster: two accounts that claim one DID are
///         two providers. Which of them is the DID's own, its key says in a statement that no chain needs to read.
contract ProviderRegistry is IProviderRegistry {
    /// @notice Longest DID, in bytes.
    uint256 public constant MAX_DID_BYTES = 256;

    mapping(bytes32 providerId => address) public controllerOf;
    /// @notice Who may become the controller by accepting; zero when nobody was proposed.
    mapping(bytes32 providerId => address) public proposedControllerOf;

    /// @notice A provider is known from now on.
    event ProviderRegistered(bytes32 indexed providerId, address indexed controller, string did);
    /// @notice The controller wants to hand the provider over.
    event ControllerProposed(bytes32 indexed providerId, address indexed proposed);
    /// @notice Another account acts for the provider from now on.
    event ControllerChanged(bytes32 indexed providerId, address indexed previous, address indexed current);

    /// @notice A DID starts with "did:" and has at most 256 bytes.
    error DidMalformed();
    /// @notice The account has registered this DID before.
    error AlreadyRegistered(bytes32 providerId);
    /// @notice Only the provider's controller may do this.
    error NotController(bytes32 providerId, address caller);
    /// @notice Only the account that the controller proposed may accept.
    error NotProposed(bytes32 providerId, address caller);

    /// @notice Makes the caller the controller of a provider.
    /// @param did The DID under which the provider signs its statements.
    /// @return providerId keccak256(abi.encode(did, msg.sender))
    function register(string calldata did) external returns (bytes32 providerId) {
        bytes calldata text = bytes(did);
        if (text.length < 5 || text.length > MAX_DID_BYTES || bytes4(text[:4]) != "did:") revert DidMalformed();
        providerId = providerIdOf(did, msg.sender);
        if (controllerOf[providerId] != address(0)) revert AlreadyRegistered(providerId);
        controllerOf[providerId] = msg.sender;
        emit ProviderRegistered(providerId, msg.sender, did);
    }

    /// @notice Names the account that may take the provider over; zero takes the proposal back.
    function proposeController(bytes32 providerId, address proposed) external {
        if (msg.sender != controllerOf[providerId]) revert NotController(providerId, msg.sender);
        proposedControllerOf[providerId] = proposed;
        emit ControllerProposed(providerId, proposed);
    }

    /// @notice Takes the provider over, with its stake. Its id stays.
    function acceptController(bytes32 providerId) external {
        if (msg.sender != proposedControllerOf[providerId]) revert NotProposed(providerId, msg.sender);
        emit ControllerChanged(providerId, controllerOf[providerId], msg.sender);
        controllerOf[providerId] = msg.sender;
        delete proposedControllerOf[providerId];
    }

    /// @notice The id of a provider, registered or not.
    function providerIdOf(string calldata did, address firstController) public pure returns (bytes32) {
        return keccak256(abi.encode(did, firstController));
    }
}
