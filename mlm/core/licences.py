"""The licences that models and datasets mostly carry, by the names that people use, with a few facts of each.

A fact is there only where its licence's own text says so plainly; None means: read it. Nothing here is legal advice, and
the list is no judgement: a licence that is missing is as good as any. As known in November 2026; texts change.
"""

from __future__ import annotations

from dataclasses import dataclass

YES, NO, LIMITS = "yes", "no", "limits"  # LIMITS: within conditions that `note` names


@dataclass(frozen=True)
class Licence:
    """A licence: its SPDX identifier, or the LicenseRef that mlm suggests; `also`: what else it is called.

    `commercial`: whether it may be used commercially; `derivatives`: whether modified versions may be passed on;
    `attribution`: whether a notice must go along; `share_alike`: whether derivatives stay under the same terms;
    `use_policy`: whether it forbids uses that the law does not.
    """

    id: str
    name: str
    url: str
    commercial: str | None = None
    derivatives: str | None = None
    attribution: bool | None = None
    share_alike: bool | None = None
    use_policy: bool | None = None
    note: str = ""
    also: tuple[str, ...] = ()


_RAIL = (YES, YES, True, None, True, "derivatives keep its use restrictions")
_LLAMA = (LIMITS, YES, True, None, True, "above 700 million monthly users: Meta's own licence")
_OPEN = (YES, YES, True, False, False)
_COPYLEFT = (YES, YES, True, True, False)
_FREE = (YES, YES, False, False, False)
_HUB = "https://huggingface.co"
_CC = "https://creativecommons.org/licenses"
_ODC = "https://opendatacommons.org/licenses"

MODELS: tuple[Licence, ...] = (
    Licence("LicenseRef-OpenRAIL", "OpenRAIL, the family", f"{_HUB}/blog/open_rail", note="name the very one, if you can", also=("openrail",)),
    Licence("LicenseRef-OpenRAIL-M", "OpenRAIL-M, the family", "https://www.licenses.ai/ai-licenses", note="name the very one, if you can", also=("openrail-m",)),
    Licence("LicenseRef-CreativeML-OpenRAIL-M", "CreativeML Open RAIL-M", f"{_HUB}/spaces/CompVis/stable-diffusion-license", *_RAIL, also=("creativeml-openrail-m", "stable diffusion 1")),
    Licence("LicenseRef-CreativeML-OpenRAIL-PlusPlus-M", "CreativeML Open RAIL++-M", "https://github.com/Stability-AI/stablediffusion/blob/main/LICENSE-MODEL", *_RAIL, also=("openrail++", "stable diffusion 2", "sdxl")),
    Licence("LicenseRef-BigScience-OpenRAIL-M", "BigScience Open RAIL-M", "https://www.licenses.ai/blog/2022/8/26/bigscience-open-rail-m-license", *_RAIL, also=("bigscience-openrail-m",)),
    Licence("LicenseRef-BigScience-BLOOM-RAIL-1.0", "BigScience RAIL 1.0", f"{_HUB}/spaces/bigscience/license", *_RAIL, also=("bigscience-bloom-rail-1.0", "bloom")),
    Licence("LicenseRef-BigCode-OpenRAIL-M", "BigCode Open RAIL-M v1", f"{_HUB}/spaces/bigcode/bigcode-model-license-agreement", *_RAIL, also=("bigcode-openrail-m", "starcoder")),
    Licence("LicenseRef-Llama-2", "Llama 2 Community License", "https://ai.meta.com/llama/license/", *_LLAMA, also=("llama2",)),
    Licence("LicenseRef-Llama-3", "Meta Llama 3 Community License", "https://www.llama.com/llama3/license/", *_LLAMA, also=("llama3",)),
    Licence("LicenseRef-Llama-3.1", "Llama 3.1 Community License", "https://www.llama.com/llama3_1/license/", *_LLAMA, also=("llama3.1",)),
    Licence("LicenseRef-Llama-3.2", "Llama 3.2 Community License", "https://www.llama.com/llama3_2/license/", *_LLAMA[:-1], f"{_LLAMA[-1]}; its multimodal models are not licensed to those domiciled in the EU", also=("llama3.2",)),
    Licence("LicenseRef-Llama-3.3", "Llama 3.3 Community License", "https://www.llama.com/llama3_3/license/", *_LLAMA, also=("llama3.3",)),
    Licence("LicenseRef-Llama-4", "Llama 4 Community License", "https://www.llama.com/llama4/license/", *_LLAMA[:-1], f"{_LLAMA[-1]}; its multimodal models are not licensed to those domiciled in the EU", also=("llama4",)),
    Licence("LicenseRef-Gemma", "Gemma Terms of Use", "https://ai.google.dev/gemma/terms", YES, YES, True, None, True, "derivatives keep its use restrictions", ("gemma",)),
    Licence("LicenseRef-Qwen", "Qwen License Agreement", f"{_HUB}/Qwen/Qwen2.5-72B-Instruct/blob/main/LICENSE", LIMITS, YES, True, None, None, "above 100 million monthly users: Alibaba's own licence", ("qwen",)),
    Licence("LicenseRef-Qwen-Research", "Qwen Research License Agreement", f"{_HUB}/Qwen/Qwen2.5-3B-Instruct/blob/main/LICENSE", NO, None, True, also=("qwen-research",)),
    Licence("LicenseRef-Tongyi-Qianwen", "Tongyi Qianwen License Agreement", "https://github.com/QwenLM/Qwen/blob/main/Tongyi%20Qianwen%20LICENSE%20AGREEMENT", LIMITS, YES, True, note="above 100 million monthly users: Alibaba's own licence", also=("tongyi-qianwen",)),
    Licence("LicenseRef-DeepSeek-1.0", "DeepSeek License Agreement 1.0", "https://github.com/deepseek-ai/DeepSeek-V3/blob/main/LICENSE-MODEL", *_RAIL, also=("deepseek", "deepseek-license")),
    Licence("LicenseRef-Mistral-Research-0.1", "Mistral AI Research License (MRL)", "https://mistral.ai/licenses/MRL-0.1.md", NO, None, True, also=("mrl", "mistral-ai-research-licence")),
    Licence("LicenseRef-Mistral-Non-Production-0.1", "Mistral AI Non-Production License (MNPL)", "https://mistral.ai/licenses/MNPL-0.1.md", NO, None, True, also=("mnpl", "mistral-ai-non-production-license")),
    Licence("LicenseRef-Stability-AI-Community", "Stability AI Community License", "https://stability.ai/community-license-agreement", LIMITS, YES, True, None, True, "above 1 million USD of annual revenue: an enterprise licence", ("stabilityai-ai-community", "stabilityai-community")),
    Licence("LicenseRef-Stability-AI-NC-Research", "Stability AI Non-Commercial Research Community License", f"{_HUB}/stabilityai/sdxl-turbo/blob/main/LICENSE.md", NO, None, True, None, True, also=("stabilityai-nc-research-community", "sai-nc-community")),
    Licence("LicenseRef-FLUX-1-dev-Non-Commercial", "FLUX.1 [dev] Non-Commercial License", f"{_HUB}/black-forest-labs/FLUX.1-dev/blob/main/LICENSE.md", NO, also=("flux-1-dev-non-commercial-license",)),
    Licence("LicenseRef-Falcon-180B-TII", "Falcon 180B TII License 1.0", f"{_HUB}/spaces/tiiuae/falcon-180b-license", LIMITS, YES, True, None, True, "hosted services may need a separate licence", ("falcon-180b",)),
    Licence("LicenseRef-Falcon-LLM-TII", "Falcon LLM TII License 2.0", "https://falconllm.tii.ae/falcon-terms-and-conditions.html", YES, YES, True, None, True, "its acceptable use policy may change later", ("falcon-llm-license", "falcon")),
    Licence("LicenseRef-Jamba-Open-Model", "Jamba Open Model License", "https://www.ai21.com/jamba-open-model-license/", LIMITS, YES, True, None, True, "above 50 million USD of annual revenue: AI21's own licence", ("jamba-open-model-license", "jamba")),
    Licence("LicenseRef-Databricks-Open-Model", "Databricks Open Model License", "https://www.databricks.com/legal/open-model-license", LIMITS, YES, True, None, True, "above 700 million monthly users: Databricks' own licence", ("databricks-open-model-license", "dbrx")),
    Licence("LicenseRef-NVIDIA-Open-Model", "NVIDIA Open Model License", "https://www.nvidia.com/en-us/agreements/enterprise-software/nvidia-open-model-license/", YES, YES, True, also=("nvidia-open-model-license",)),
    Licence("LicenseRef-OpenMDW-1.0", "OpenMDW 1.0", "https://openmdw.ai/license/1-0/", YES, YES, True, False, False, also=("openmdw-1.0", "openmdw")),
    Licence("LicenseRef-Grok-2-Community", "Grok 2 Community License", f"{_HUB}/xai-org/grok-2/blob/main/LICENSE", also=("grok2-community",)),
    Licence("LicenseRef-DeepFloyd-IF", "DeepFloyd IF License", f"{_HUB}/spaces/DeepFloyd/deepfloyd-if-license", also=("deepfloyd-if-license",)),
    Licence("LGPLLR", "Lesser General Public License For Linguistic Resources", "https://spdx.org/licenses/LGPLLR.html", also=("lgpl-lr",)),
    Licence("Apache-2.0", "Apache License 2.0", "https://www.apache.org/licenses/LICENSE-2.0", *_OPEN, also=("apache", "apache 2", "apache license, version 2.0", "asl 2.0")),
    Licence("MIT", "MIT License", "https://opensource.org/license/mit", *_OPEN, also=("mit license", "expat")),
    Licence("BSD-3-Clause", "BSD 3-Clause License", "https://opensource.org/license/bsd-3-clause", *_OPEN, also=("bsd", "new bsd", "modified bsd")),
    Licence("GPL-3.0-or-later", "GNU General Public License 3", "https://www.gnu.org/licenses/gpl-3.0.html", *_COPYLEFT, also=("gpl", "gpl3", "gplv3")),
    Licence("AGPL-3.0-or-later", "GNU Affero General Public License 3", "https://www.gnu.org/licenses/agpl-3.0.html", *_COPYLEFT, also=("agpl", "agpl3", "agplv3")),
)  # fmt: skip

DATA: tuple[Licence, ...] = (
    Licence("CC0-1.0", "Creative Commons Zero 1.0", "https://creativecommons.org/publicdomain/zero/1.0/", *_FREE, also=("cc0", "public domain")),
    Licence("CC-BY-4.0", "Creative Commons Attribution 4.0", f"{_CC}/by/4.0/", *_OPEN, also=("cc by", "cc by 4.0")),
    Licence("CC-BY-SA-4.0", "Creative Commons Attribution-ShareAlike 4.0", f"{_CC}/by-sa/4.0/", *_COPYLEFT, also=("cc by-sa", "cc by-sa 4.0")),
    Licence("CC-BY-NC-4.0", "Creative Commons Attribution-NonCommercial 4.0", f"{_CC}/by-nc/4.0/", NO, YES, True, False, False, also=("cc by-nc", "cc by-nc 4.0")),
    Licence("CC-BY-NC-SA-4.0", "Creative Commons Attribution-NonCommercial-ShareAlike 4.0", f"{_CC}/by-nc-sa/4.0/", NO, YES, True, True, False, also=("cc by-nc-sa", "cc by-nc-sa 4.0")),
    Licence("CC-BY-ND-4.0", "Creative Commons Attribution-NoDerivatives 4.0", f"{_CC}/by-nd/4.0/", YES, NO, True, None, False, also=("cc by-nd", "cc by-nd 4.0")),
    Licence("CC-BY-NC-ND-4.0", "Creative Commons Attribution-NonCommercial-NoDerivatives 4.0", f"{_CC}/by-nc-nd/4.0/", NO, NO, True, None, False, also=("cc by-nc-nd", "cc by-nc-nd 4.0")),
    Licence("ODC-By-1.0", "Open Data Commons Attribution License 1.0", f"{_ODC}/by/1-0/", *_OPEN, also=("odc-by", "odc by")),
    Licence("ODbL-1.0", "Open Data Commons Open Database License 1.0", f"{_ODC}/odbl/1-0/", *_COPYLEFT, also=("odbl",)),
    Licence("PDDL-1.0", "Open Data Commons Public Domain Dedication 1.0", f"{_ODC}/pddl/1-0/", *_FREE, also=("pddl",)),
    Licence("CDLA-Permissive-2.0", "Community Data License Agreement Permissive 2.0", "https://cdla.dev/permissive-2-0/", *_OPEN, also=("cdla-permissive", "cdla permissive")),
    Licence("CDLA-Permissive-1.0", "Community Data License Agreement Permissive 1.0", "https://cdla.dev/permissive-1-0/", *_OPEN),
    Licence("CDLA-Sharing-1.0", "Community Data License Agreement Sharing 1.0", "https://cdla.dev/sharing-1-0/", *_COPYLEFT, also=("cdla-sharing", "cdla sharing")),
    Licence("C-UDA-1.0", "Computational Use of Data Agreement 1.0", "https://github.com/microsoft/Computational-Use-of-Data-Agreement", note="for computational use", also=("c-uda",)),
    Licence("O-UDA-1.0", "Open Use of Data Agreement 1.0", "https://github.com/microsoft/Open-Use-of-Data-Agreement", YES, YES, also=("o-uda",)),
    Licence("etalab-2.0", "Licence Ouverte 2.0", "https://www.etalab.gouv.fr/licence-ouverte-open-licence/", *_OPEN, also=("licence ouverte", "etalab")),
    Licence("DL-DE-BY-2.0", "Datenlizenz Deutschland Namensnennung 2.0", "https://www.govdata.de/dl-de/by-2-0", *_OPEN, also=("dl-de/by-2-0",)),
    Licence("OGL-UK-3.0", "Open Government Licence 3.0 (UK)", "https://www.nationalarchives.gov.uk/doc/open-government-licence/version/3/", *_OPEN, also=("ogl", "ogl 3.0")),
)  # fmt: skip

KNOWN = (*MODELS, *DATA)


def named(text: str) -> Licence | None:
    """The licence of the table that `text` names: its identifier, its name, or what else it is called, in any case."""
    wanted = _plain(text)
    for licence in KNOWN:
        if wanted in map(_plain, (licence.id, licence.id.removeprefix("LicenseRef-"), licence.name, *licence.also)):
            return licence
    return None


def find(query: str) -> tuple[Licence, ...]:
    """Those of the table in which every word of `query` occurs; all for an empty one."""
    words = query.casefold().split()
    texts = {licence: " ".join((licence.id, licence.name, *licence.also)).casefold() for licence in KNOWN}
    return tuple(licence for licence, text in texts.items() if all(word in text for word in words))


def _plain(text: str) -> str:
    """A name without what people write differently: case, spaces, hyphens and underscores."""
    return text.casefold().replace("-", " ").replace("_", " ").strip()
