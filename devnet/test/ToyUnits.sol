// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ERC1155} from "@openzeppelin/contracts/token/ERC1155/ERC1155.sol";
import {Lie} from "./ToyCollection.sol";

enum ExpiryLie {
    None,
    Missing,
    BurnsAllGas,
    Bomb
}

/// @title An ERC-1155 collection that does what a test tells it: honest, lying, or calling back
contract ToyUnits is ERC1155("") {
    Lie public lie;
    ExpiryLie public expiryLie;
    address public refused;
    address public receiver;
    uint256 public royaltyBps;
    uint256 private _expiresAt = type(uint256).max;

    address private _target;
    bytes[] private _calls;
    uint256 public succeeded;
    uint256 public failed;

    function mint(address to, uint256 id, uint256 amount) external {
        _update(address(0), to, _one(id), _one(amount));
    }

    /// @notice As an issuer may who takes its licences back.
    function burn(address from, uint256 id, uint256 amount) external {
        _update(from, address(0), _one(id), _one(amount));
    }

    function setLie(Lie lie_) external {
        lie = lie_;
    }

    function setExpiry(uint256 expiresAt, ExpiryLie lie_) external {
        (_expiresAt, expiryLie) = (expiresAt, lie_);
    }

    function setRoyalty(address receiver_, uint256 bps) external {
        (receiver, royaltyBps) = (receiver_, bps);
    }

    /// @notice Tries these calls in the middle of every transfer.
    function callBack(address target, bytes[] calldata calls) external {
        _target = target;
        delete _calls;
        for (uint256 i = 0; i < calls.length; ++i) {
            _calls.push(calls[i]);
        }
    }

    function safeTransferFrom(address from, address to, uint256 id, uint256 amount, bytes memory data) public override {
        for (uint256 i = 0; i < _calls.length; ++i) {
            (bool done,) = _target.call(_calls[i]);
            if (done) ++succeeded;
            else ++failed;
        }
        require(lie != Lie.Refuses, "refused");
        if (lie == Lie.StaysPut) return;
        super.safeTransferFrom(from, lie == Lie.GoesElsewhere ? address(0xE15E) : to, id, amount, data);
    }

    function royaltyInfo(uint256, uint256 price) external view returns (address, uint256) {
        return (receiver, price * royaltyBps / 10_000);
    }

    function expiryOf(uint256) external view returns (uint256) {
        if (expiryLie == ExpiryLie.Missing) revert("no expiry");
        if (expiryLie == ExpiryLie.BurnsAllGas) while (true) {}
        if (expiryLie == ExpiryLie.Bomb) {
            assembly ("memory-safe") {
                return(0, 20000)
            }
        }
        return _expiresAt;
    }

    function _one(uint256 value) private pure returns (uint256[] memory list) {
        list = new uint256[](1);
        list[0] = value;
    }
}
