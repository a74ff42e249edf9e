// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IAssetRegistryErrors} from "../../contracts/errors/IAssetRegistryErrors.sol";
import {ICommitmentErrors} from "../../contracts/errors/ICommitmentErrors.sol";
import {Publication} from "../../contracts/interfaces/IAssetRegistry.sol";
import {Request, Terms} from "../../contracts/interfaces/IJobMarket.sol";
import {AuctionKind, Tier} from "../../contracts/interfaces/Types.sol";
import {AttackBase} from "./AttackBase.sol";

/// Somebody publishes another's model: before it, out of the mempool, or after it, under a name of its own.
contract RepublicationTest is AttackBase {
    address private constant AUTHOR = address(0xA07);
    address private constant COPIER = address(0xC0B1);

    function setUp() public override {
        super.setUp();
        gang.push(COPIER);
        _begin();
    }

    function _model(string memory name) private pure returns (Publication memory p) {
        p = _publication("author", name, "1.0.0", "weights of the author");
        p.ownerBps = 1_000;
    }

    function _copied(Publication memory p) private returns (bytes32 version) {
        _commitTo(COPIER, p);
        _count(COPIER);
        vm.prank(COPIER);
        (, version) = registry.publish(p, "salt");
        _count(COPIER);
    }

    /// @dev A job of 50 tokens on a version, done by ALICE.
    function _jobOn(bytes32 version) private {
        Request memory request = _request(AuctionKind.Fixed, Tier.None);
        (request.versionId, request.maxPrice) = (version, 50 * ONE);
        (Terms memory terms,) = market.quote(request);
        vm.prank(CONSUMER);
        bytes32 jobId = market.post(request, 1);
        _bid(jobId, ALICE, 50 * ONE);
        _do(jobId, terms);
    }

    /// The author's publication waits in the mempool, with all that is in it. To publish it first one needs a commitment
    /// of one's own that is a block old: by then the handle is the author's.
    function test_republicationOutOfTheMempool() public {
        Play memory honest = _played();
        Publication memory p = _model("net");
        _commitTo(AUTHOR, p);
        bytes32 copied = _commitment(COPIER, "mlm/publish/1", keccak256(abi.encode(p)), "salt");
        vm.expectRevert(abi.encodeWithSelector(ICommitmentErrors.CommitmentMissing.selector, COPIER, copied));
        vm.prank(COPIER);
        registry.publish(p, "salt");
        vm.startPrank(COPIER);
        registry.commit(copied);
        _count(COPIER);
        vm.expectRevert(abi.encodeWithSelector(ICommitmentErrors.CommitmentTooYoung.selector, copied, block.number));
        registry.publish(p, "salt");
        vm.stopPrank();
        vm.prank(AUTHOR);
        (, bytes32 version) = registry.publish(p, "salt");
        // Nor does another name under the author's handle help.
        p = _model("other");
        _commitTo(COPIER, p);
        _count(COPIER);
        vm.expectRevert(abi.encodeWithSelector(IAssetRegistryErrors.NotHandleOwner.selector, "author", AUTHOR, COPIER));
        vm.prank(COPIER);
        registry.publish(p, "salt");
        _jobOn(version);
        vm.assertEq(market.creditOf(AUTHOR), 5 * ONE);
        _needNoGain("model republished out of the mempool", honest, _ended());
    }

    /// What remains: later, and under a handle of its own, a copy is published like any model. It takes nothing of what the
    /// author's version earns; it earns from whoever names the copy.
    function test_republicationLaterIsPossible() public {
        Play memory honest = _played();
        Publication memory p = _model("net");
        (, bytes32 version) = _publish(AUTHOR, p);
        p.handle = "copier";
        p.manifest = sha256("weights of the author, one bit changed");
        bytes32 copy = _copied(p);
        _jobOn(version);
        vm.assertEq(market.creditOf(COPIER), 0);
        vm.assertEq(market.creditOf(AUTHOR), 5 * ONE);
        _jobOn(copy);
        vm.assertEq(market.creditOf(AUTHOR), 5 * ONE);
        _logGain(
            "model republished later under another handle, from a job of 50 tokens that names it", honest, _ended()
        );
    }
}
