// Commands that work on files alone, as scripts of others call them: rows in and out, patches, exit
// codes.
#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/process.h"

namespace godwit::test {
namespace {

class Files : public testing::Test {
 protected:
  /// In a folder of its own, with `godwit` in the path, DATA set, and standard error in the output.
  auto shell(std::string const& line) const -> Finished {
    return run({"env", "-i", "PATH=" GODWIT_BIN ":/usr/bin:/bin", "DATA=" GODWIT_TEST_DATA,
                "HOME=" + folder_.path().string(), "bash", "-c",
                "cd '" + folder_.path().string() + "' && { " + line + "\n} 2>&1 </dev/null"});
  }
  void good(std::string const& line) const {
    auto const finished = shell(line);
    EXPECT_EQ(finished.exit_code, 0) << line << "\n" << finished.output;
  }
  /// Ends with that code, says that, and leaves no file of the name `made`, nor a part of one.
  void refused(std::string const& line, int exit_code, std::string const& words) const {
    auto const finished = shell(line);
    EXPECT_EQ(finished.exit_code, exit_code) << line << "\n" << finished.output;
    EXPECT_NE(finished.output.find(words), std::string::npos) << line << "\n" << finished.output;
    EXPECT_EQ(shell("ls -A | grep '^made'").exit_code, 1) << line;
  }

 private:
  TemporaryFolder folder_{"files"};
};

TEST_F(Files, RunGivesARowOfOutputsForEachRowOfInputs) {
  good("godwit model compile $DATA/models/ic-1.tflite -o ic.gwm");
  good("godwit model run ic.gwm --input $DATA/golden/ic.in.bin --output out");
  good("cmp out $DATA/golden/ic-1.out.bin");
  good("head -c 3072 $DATA/golden/ic.in.bin >one");
  good("godwit model run ic.gwm --input one --output out && [ $(stat -c %s out) = 10 ]");
  good("cmp out <(head -c 10 $DATA/golden/ic-1.out.bin)");
  // A model that remembers nothing gives the same either way.
  good("godwit model run ic.gwm --input $DATA/golden/ic.in.bin --output out --keep-state");
  good("cmp out $DATA/golden/ic-1.out.bin");
}

TEST_F(Files, RunRefusesWithoutWritingAnything) {
  good("godwit model compile $DATA/models/ic-1.tflite -o ic.gwm");
  good("head -c 3071 $DATA/golden/ic.in.bin >part; head -c 5000 ic.gwm >cut; mkdir folder");
  struct Case {
    char const* arguments;
    int exit_code;
    char const* words;
  };
  for (auto const& [arguments, exit_code, words] : {
           Case{"ic.gwm --input part --output made", 1, "no multiple of the model's row of 3072"},
           Case{"ic.gwm --input absent --output made", 1, "absent: No such file"},
           Case{"absent --input part --output made", 1, "absent: No such file"},
           Case{"folder --input part --output made", 1, "folder: Is a directory"},
           Case{"cut --input part --output made", 1, "cut: "},
           Case{"$DATA/models/ic-1.tflite --input part --output made", 1, "not a compiled model"},
           Case{"ic.gwm --input $DATA/golden/ic.in.bin --output absent/made", 1, "No such file"},
           Case{"ic.gwm --input $DATA/golden/ic.in.bin --output folder", 1, "folder: "},
           Case{"ic.gwm --input part", 2, "--output is required"},
           Case{"ic.gwm --input part --output made --rows 3", 2, "--rows"},
       })
    refused(std::string("godwit model run ") + arguments, exit_code, words);
}

TEST_F(Files, NewWeightsStayNearADeployedModel) {
  good("godwit model compile $DATA/models/sww-1.tflite -o old.gwm");
  good(
      "godwit model compile $DATA/models/sww-2.tflite --base $DATA/models/sww-1.tflite --tau 1 "
      "--json -o near.gwm >curve 2>words && grep -q 'beyond what the scales of the base' words");
  // What the curve says of the delta is what one is then.
  good(
      "godwit delta create old.gwm near.gwm patch && [ $(jq .chosen.delta_bytes curve) = "
      "$(stat -c %s patch) ]");
  good("[ $(jq '.curve[0].delta_bytes' curve) -gt $(jq '.curve[1].delta_bytes' curve) ]");
  good(
      "godwit model compile $DATA/models/ic-2.tflite --base $DATA/models/ic-1.tflite --input "
      "$DATA/golden/ic.in.bin --labels $DATA/golden/ic.labels.u8 -o near.gwm >curve");
  good("grep -P '^0.500\\t[0-9]+\\t87.15 %\\t0\\t0\\t\\*$' curve");
  // The compiled model in its place gives the same curve.
  good(
      "godwit model compile $DATA/models/ic-1.tflite -o ic.gwm && godwit model compile "
      "$DATA/models/ic-2.tflite --base ic.gwm --input $DATA/golden/ic.in.bin --labels "
      "$DATA/golden/ic.labels.u8 -o near2.gwm >curve2 && cmp near.gwm near2.gwm && cmp curve "
      "curve2");
}

TEST_F(Files, CompilingNearABaseRefusesWithoutWritingAnything) {
  good("godwit model compile $DATA/models/ic-1.tflite -o ic.gwm; cp $DATA/models/*.tflite .");
  good("godwit model compile $DATA/models/vww-1.tflite -o vww.gwm");
  good("head -c 248 $DATA/golden/ic.labels.u8 >short");
  struct Case {
    char const* arguments;
    int exit_code;
    char const* words;
  };
  for (auto const& [arguments, exit_code, words] : {
           Case{"ic-2.tflite --base ic-1.tflite", 1, "needs labelled rows"},
           Case{"ic-2.tflite --base ic-1.tflite --input short", 1, "belong together"},
           Case{"ic-2.tflite --base ic-1.tflite --input $DATA/golden/ic.in.bin --labels short", 1,
                "248 labels for 249 rows"},
           Case{"vww-2.tflite --base vww.gwm --tau 1", 1, "gone from a compiled model"},
           Case{"ic.gwm --base ic-1.tflite --tau 1", 1, "give a .tflite, .onnx or .safetensors"},
           Case{"ic-3.tflite --base ic-1.tflite --tau 1", 1, "no tensor for 'model/conv2d"},
           Case{"ic-2.tflite --tau 1", 2, "--tau requires --base"},
           Case{"ic-2.tflite --base ic-1.tflite --tau 0.4", 2, "--tau"},
       })
    refused(std::string("godwit model compile -o made ") + arguments, exit_code, words);
}

TEST_F(Files, PatchesOfBothFormatsGiveTheNewFile) {
  good("cp $DATA/models/ic-1.tflite a; cp $DATA/models/ic-2.tflite b; : >empty; echo words >words");
  for (std::string const format : {"", " --format godwit", " --format bsdiff"}) {
    for (std::string const pair :
         {"a b", "b a", "a a", "empty a", "a empty", "empty empty", "words a"}) {
      auto const old_file = pair.substr(0, pair.find(' '));
      auto const new_file = pair.substr(pair.find(' ') + 1);
      good("godwit delta create " + pair + " patch" + format);
      good("godwit delta apply " + old_file + " patch made && cmp made " + new_file);
      good("godwit delta inspect patch");
    }
  }
}

TEST_F(Files, AnyNumberOfJobsMakesTheSameFile) {
  good("cp $DATA/models/vww-1.tflite a; cp $DATA/models/vww-2.tflite b");
  for (std::string const profile : {"large", "small", "bytes"}) {
    good("godwit delta create a b patch --profile " + profile);
    for (std::string const jobs : {"1", "2", "7"})
      good("godwit delta apply a patch made --jobs " + jobs + " && cmp made b && rm made");
  }
  refused("godwit delta apply a patch made --jobs 0", 2, "--jobs");
  good("cp patch damaged; printf x | dd of=damaged bs=1 seek=60000 conv=notrunc status=none");
  refused("godwit delta apply a damaged made --jobs 3", 1, "damaged: block ");
}

TEST_F(Files, MakingAPatchTellsATerminalHowFarItIs) {
  good("cp $DATA/models/vww-1.tflite a; cp $DATA/models/vww-2.tflite b");
  good("script -qec 'godwit delta create a b patch' /dev/null </dev/null >seen");
  good("grep -q 'making the patch [1-9][0-9] %' seen");
  good("[ -z \"$(godwit delta create a b patch 2>&1 >/dev/null)\" ]");
}

TEST_F(Files, AFileIsRewrittenInPlace) {
  good("cp $DATA/models/ic-1.tflite a; cp $DATA/models/ic-2.tflite b; echo words >words");
  good("cp $DATA/models/vww-1.tflite c; cp $DATA/models/vww-2.tflite d; : >empty");
  for (std::string const how :
       {"a b bytes", "a b small", "b a large", "c d large", "c a large", "a c large", "a a large",
        "empty a small", "a empty bytes", "words a bytes"}) {
    auto const old_file = how.substr(0, how.find(' '));
    auto const new_file = how.substr(old_file.size() + 1, how.rfind(' ') - old_file.size() - 1);
    auto const profile = how.substr(how.rfind(' ') + 1);
    good("godwit delta create " + old_file + " " + new_file + " patch --in-place --profile " +
         profile);
    good("cp " + old_file + " only; godwit delta apply --in-place only patch");
    good("cmp only " + new_file + " && [ ! -e only.scratch ] && [ ! -e only.journal ]");
    good("godwit delta apply " + old_file + " patch copy && cmp copy " + new_file);
  }
  good("godwit delta create a b patch --in-place; godwit delta create a b plain; cp c only");
  refused("godwit delta apply --in-place only patch", 7, "made for another old file");
  good("cmp only c");
  refused("godwit delta apply --in-place a plain", 1, "not made for applying in place");
  refused("godwit delta apply --in-place a patch made", 1, "--in-place");
  refused("godwit delta create a b made --in-place --format bsdiff", 1, "our own container");
}

TEST_F(Files, PatchesGoToDebiansToolsAndComeFromThem) {
  good("cp $DATA/models/ic-1.tflite a; cp $DATA/models/ic-2.tflite b");
  good("godwit delta create a b ours --format bsdiff && bspatch a made ours && cmp made b");
  good("bsdiff a b theirs && godwit delta apply a theirs made && cmp made b");
}

TEST_F(Files, PatchesThatDoNotFitChangeNothing) {
  good(
      "cp $DATA/models/ic-1.tflite a; cp $DATA/models/ic-2.tflite b; cp $DATA/models/sww-1.tflite "
      "c");
  good("godwit delta create a b patch; godwit delta create a b classic --format bsdiff");
  good("head -c 300 patch >cut; head -c 300 classic >cut-classic; (cat patch; echo) >long");
  struct Case {
    char const* arguments;
    int exit_code;
    char const* words;
  };
  for (auto const& [arguments, exit_code, words] : {
           Case{"apply c patch made", 7, "made for another old file"},
           Case{"apply a cut made", 1, "cut: "},
           Case{"apply a cut-classic made", 1, "cut-classic: "},
           Case{"apply a long made", 1, "long: "},
           Case{"apply a b made", 1, "neither a BSDIFF40 nor a Godwit patch"},
           Case{"apply absent patch made", 1, "absent: No such file"},
           Case{"create a absent made", 1, "absent: No such file"},
           Case{"create a b absent/made", 1, "No such file"},
           Case{"create a b made --format xdelta", 2, "--format"},
           Case{"create a b", 2, "PATCH is required"},
           Case{"inspect a", 1, "neither a BSDIFF40 nor a Godwit patch"},
       })
    refused(std::string("godwit delta ") + arguments, exit_code, words);
}

TEST_F(Files, WhatIsThereIsReplacedWholeOrNotAtAll) {
  good(
      "cp $DATA/models/ic-1.tflite a; cp $DATA/models/ic-2.tflite b; godwit delta create a b "
      "patch");
  good("godwit delta apply a patch a && cmp a b");  // onto the old file itself
  good(
      "echo before >kept; godwit delta apply b patch kept; [ $? = 7 ] && [ $(cat kept) = before ]");
}

}  // namespace
}  // namespace godwit::test
