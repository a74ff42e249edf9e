// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";

enum Lie {
    None,
    StaysPut, // takes a transfer and moves nothing
    GoesElsewhere, // gives the token to somebody else
    Refuses, // reverts at every transfer
    RefusesOne // reverts when the recipient is `refused`
}

enum RoyaltyLie {
    None,
    Reverts,
    BurnsAllGas,
    Bomb, // a megabyte
    Short, // one word
    Dirty, // a receiver of more than 160 bits
    Everything // the whole price and more
}

/// @title An ERC-721 collection that does what a test tells it: honest, lying, or calling back
contract ToyCollection is ERC721("toy", "TOY") {
    Lie public lie;
    RoyaltyLie public royaltyLie;
    address public refused;
    address public receiver;
    uint256 public royaltyBps;

    address private _target;
    bytes[] private _calls;
    uint256 public succeeded;
    uint256 public failed;

    function mint(address to, uint256 tokenId) external {
        _mint(to, tokenId);
    }

    function setLie(Lie lie_) external {
        lie = lie_;
    }

    function refuse(address account) external {
        (lie, refused) = (Lie.RefusesOne, account);
    }

    function setRoyalty(address receiver_, uint256 bps, RoyaltyLie lie_) external {
        (receiver, royaltyBps, royaltyLie) = (receiver_, bps, lie_);
    }

    /// @notice Tries these calls in the middle of every transfer.
    function callBack(address target, bytes[] calldata calls) external {
        _target = target;
        delete _calls;
        for (uint256 i = 0; i < calls.length; ++i) {
            _calls.push(calls[i]);
        }
    }

    function transferFrom(address from, address to, uint256 tokenId) public override {
        for (uint256 i = 0; i < _calls.length; ++i) {
            (bool done,) = _target.call(_calls[i]);
            if (done) ++succeeded;
            else ++failed;
        }
        require(lie != Lie.Refuses && !(lie == Lie.RefusesOne && to == refused), "refused");
        if (lie == Lie.StaysPut) return;
        super.transferFrom(from, lie == Lie.GoesElsewhere ? address(0xE15E) : to, tokenId);
    }

    function royaltyInfo(uint256, uint256 price) external view returns (address, uint256) {
        if (royaltyLie == RoyaltyLie.Reverts) revert("no royalty");
        if (royaltyLie == RoyaltyLie.BurnsAllGas) while (true) {}
        if (royaltyLie == RoyaltyLie.Bomb) {
            assembly ("memory-safe") {
                return(0, 20000)
            }
        }
        if (royaltyLie == RoyaltyLie.Short) {
            assembly ("memory-safe") {
                return(0, 32)
            }
        }
        if (royaltyLie == RoyaltyLie.Dirty) {
            assembly ("memory-safe") {
                mstore(0, not(0))
                mstore(32, 1)
                return(0, 64)
            }
        }
        if (royaltyLie == RoyaltyLie.Everything) return (receiver, price * 2);
        return (receiver, price * royaltyBps / 10_000);
    }
}
