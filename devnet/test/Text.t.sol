// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Text} from "../contracts/libraries/Text.sol";
import {Base} from "./Base.sol";

contract TextTest is Base {
    function _long(uint256 length) private pure returns (bytes memory text) {
        text = new bytes(length);
        for (uint256 i = 0; i < length; ++i) {
            text[i] = "a";
        }
    }

    function test_handles() public pure {
        string[4] memory good = ["a", "labs", "a-1", "0x"];
        for (uint256 i = 0; i < good.length; ++i) {
            vm.assertTrue(Text.isHandle(bytes(good[i])), good[i]);
        }
        string[8] memory bad = ["", "-a", "a-", "A", "a_b", "a.b", "a b", unicode"é"];
        for (uint256 i = 0; i < bad.length; ++i) {
            vm.assertFalse(Text.isHandle(bytes(bad[i])), bad[i]);
        }
        vm.assertTrue(Text.isHandle(_long(39)));
        vm.assertFalse(Text.isHandle(_long(40)), "40");
    }

    function test_names() public pure {
        string[6] memory good = ["a", "resnet-50.v1_b", "...", "-", "a..b", "0"];
        for (uint256 i = 0; i < good.length; ++i) {
            vm.assertTrue(Text.isName(bytes(good[i])), good[i]);
        }
        string[7] memory bad = ["", ".", "..", "A", "a/b", "a@1", "a b"];
        for (uint256 i = 0; i < bad.length; ++i) {
            vm.assertFalse(Text.isName(bytes(bad[i])), bad[i]);
        }
        vm.assertTrue(Text.isName(_long(64)));
        vm.assertFalse(Text.isName(_long(65)), "65");
    }

    function test_licences() public pure {
        string[4] memory good =
            ["MIT", "Apache-2.0 OR MIT", "(GPL-2.0+ WITH Bison-exception-2.2)", "DocumentRef-x:LicenseRef-y"];
        for (uint256 i = 0; i < good.length; ++i) {
            vm.assertTrue(Text.isLicence(bytes(good[i])), good[i]);
        }
        string[4] memory bad = ["", "MIT\n", "MIT/Apache", unicode"MÏT"];
        for (uint256 i = 0; i < bad.length; ++i) {
            vm.assertFalse(Text.isLicence(bytes(bad[i])), bad[i]);
        }
        vm.assertTrue(Text.isLicence(_long(128)));
        vm.assertFalse(Text.isLicence(_long(129)), "129");
    }

    /// The specification's own examples (https://semver.org).
    function test_versions() public pure {
        string[14] memory good = [
            "0.0.0",
            "1.2.3",
            "10.20.30",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-0.3.7",
            "1.0.0-x.7.z.92",
            "1.0.0-x-y-z.--",
            "1.0.0-alpha+001",
            "1.0.0+20130313144700",
            "1.0.0-beta+exp.sha.5114f85",
            "1.0.0+21AF26D3--117B344092BD",
            "1.0.0-0A.is.legal",
            "999999999999999999.999999999999999999.99999999999999999"
        ];
        for (uint256 i = 0; i < good.length; ++i) {
            vm.assertTrue(Text.isVersion(bytes(good[i])), good[i]);
        }
        string[20] memory bad = [
            "",
            "1",
            "1.2",
            "1.2.",
            ".1.2",
            "1..2",
            "1.2.3.4",
            "01.2.3",
            "1.02.3",
            "1.2.03",
            "1.2.3-",
            "1.2.3+",
            "1.2.3-01",
            "1.2.3-a..b",
            "1.2.3-a+",
            "1.2.3+a+b",
            "v1.2.3",
            "1.2.3 ",
            "1.2.3-a_b",
            "1.2.3-a."
        ];
        for (uint256 i = 0; i < bad.length; ++i) {
            vm.assertFalse(Text.isVersion(bytes(bad[i])), bad[i]);
        }
        vm.assertTrue(Text.isVersion(abi.encodePacked("1.0.0-", _long(58))));
        vm.assertFalse(Text.isVersion(abi.encodePacked("1.0.0-", _long(59))), "65");
    }

    function testFuzz_versionOfNumbers(uint64 major, uint64 minor, uint64 patch) public pure {
        string memory text = string.concat(vm.toString(major), ".", vm.toString(minor), ".", vm.toString(patch));
        vm.assertTrue(Text.isVersion(bytes(text)), text);
        vm.assertFalse(Text.isVersion(bytes(string.concat("0", text))), text);
    }
}
