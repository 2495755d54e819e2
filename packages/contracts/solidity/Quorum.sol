// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @notice A group of signers of which a threshold must agree. Contracts keep only its hash; whoever calls brings
///         the members along.
struct Committee {
    /// Number of this membership; one more with every change, so that a signature never outlives it.
    uint64 epoch;
    /// Signatures needed.
    uint8 threshold;
    /// At most 64, each one different, none zero.
    address[] members;
}

/// @notice Signatures by members of a committee.
struct Signatures {
    /// Bit i is set when member i signed.
    uint256 signers;
    /// One for each set bit, lowest bit first: r and (v, s) in one word (EIP-2098).
    bytes32[2][] rvs;
}

/// @title Quorum
/// @notice Checks that enough members of a committee signed a digest.
/// @dev The members come as calldata and are compared with one stored hash: a cold storage read for each signer
///      would cost two thirds as much as recovering the signature.
library Quorum {
    /// @notice Most members of a committee.
    uint256 internal constant MAX_MEMBERS = 64;

    /// @notice The committee given is not the one in force.
    error CommitteeUnknown(bytes32 expected, bytes32 given);
    /// @notice A committee has 1 to 64 members and a threshold between 1 and their number.
    error CommitteeSize(uint256 members, uint256 threshold);
    /// @notice Members are in ascending order, so that none is there twice; the zero address is none.
    error CommitteeOrder(uint256 place);
    /// @notice Fewer members signed than the threshold asks for.
    error QuorumMissed(uint256 needed, uint256 given);
    /// @notice A signature is not by the member whose bit is set.
    error SignatureInvalid(uint256 member, address recovered);
    /// @notice The bits set, the signatures given and the members do not belong together.
    error SignersMalformed();

    /// @notice What a contract stores of a committee.
    function hashOf(Committee calldata committee) internal pure returns (bytes32) {
        return keccak256(abi.encode(committee));
    }

    /// @notice Checks a new committee and gives its hash.
    function validated(Committee calldata committee) internal pure returns (bytes32) {
        uint256 count = committee.members.length;
        if (count == 0 || count > MAX_MEMBERS || committee.threshold == 0 || committee.threshold > count)
            revert CommitteeSize(count, committee.threshold);
        address last = address(0);
        for (uint256 i = 0; i < count; ++i) {
            if (committee.members[i] <= last) revert CommitteeOrder(i);
            last = committee.members[i];
        }
        return hashOf(committee);
    }

    /// @notice Reverts unless at least `needed` members of the committee with this hash signed the digest.
    /// @param expected Hash of the committee in force.
    /// @param needed Signatures asked for; usually the committee's threshold.
    /// @param digest What was signed, an EIP-712 digest.
    function check(
        bytes32 expected,
        Committee calldata committee,
        uint256 needed,
        bytes32 digest,
        Signatures calldata signatures
    ) internal pure {
        bytes32 given = hashOf(committee);
        if (given != expected) revert CommitteeUnknown(expected, given);
        uint256 signed = signatures.rvs.length;
        if (signed < needed) revert QuorumMissed(needed, signed);
        uint256 remaining = signatures.signers;
        uint256 count = committee.members.length;
        uint256 next = 0;
        for (uint256 i = 0; i < count; ++i) {
            if ((remaining >> i) & 1 == 0) continue;
            if (next == signed) revert SignersMalformed();
            remaining ^= 1 << i;
            bytes32[2] calldata rvs = signatures.rvs[next];
            ++next;
            (address signer,,) = ECDSA.tryRecover(digest, rvs[0], rvs[1]);
            if (signer != committee.members[i]) revert SignatureInvalid(i, signer);
        }
        if (remaining != 0 || next != signed) revert SignersMalformed();
    }
}
