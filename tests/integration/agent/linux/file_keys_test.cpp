// The device's keys as files: the storage key is made once, stays, and when it is lost or damaged
// another one opens nothing of what lies there.
#include "agent/linux/file_keys.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "agent/core/model_files.h"
#include "agent/linux/model_memory.h"
#include "tests/support/process.h"

namespace godwit::agent {
namespace {

class FileKeysTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(
        store_whole(*identity, identity_file::kSealingKey, proto::SealingKey::generate().pem()));
  }
  auto open() -> Result<FileKeys> { return FileKeys::open(*identity, *DeviceId::parse("cam-1")); }

  test::TemporaryFolder folder{"keys"};
  Result<FileStore> identity = FileStore::open(folder.path().string());
};

TEST_F(FileKeysTest, TheStorageKeyIsMadeOnceForItsOwnerAlone) {
  auto first = open();
  ASSERT_TRUE(first);
  EXPECT_TRUE(first->made_storage_key());
  struct stat status {};
  ASSERT_EQ(::stat((folder.path() / "storage.key").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  auto const key = proto::ContentKey::generate();
  auto const locked = first->lock(key);
  ASSERT_TRUE(locked);
  EXPECT_NE(*locked, *first->lock(key)) << "no two are alike";
  auto second = open();
  ASSERT_TRUE(second);
  EXPECT_FALSE(second->made_storage_key());
  auto const opened = second->unlock(*locked);
  ASSERT_TRUE(opened);
  EXPECT_TRUE(std::equal(key.bytes().begin(), key.bytes().end(), opened->bytes().begin()));
}

TEST_F(FileKeysTest, AnotherKeyOpensNothing) {
  auto const locked = open()->lock(proto::ContentKey::generate());
  ASSERT_TRUE(locked);
  ASSERT_TRUE(identity->remove(identity_file::kStorageKey));
  auto after = open();
  ASSERT_TRUE(after);
  EXPECT_TRUE(after->made_storage_key());
  EXPECT_EQ(after->unlock(*locked).error().code, Code::denied);
  ASSERT_TRUE(store_whole(*identity, identity_file::kStorageKey, "no key\n"));
  after = open();
  ASSERT_TRUE(after);
  EXPECT_TRUE(after->made_storage_key()) << "a damaged one makes room";
}

TEST_F(FileKeysTest, ThatRecordsAreSealedIsKept) {
  auto first = open();
  ASSERT_TRUE(first);
  EXPECT_FALSE(first->seals_records());
  ASSERT_TRUE(first->begin_sealing_records());
  EXPECT_TRUE(first->seals_records());
  EXPECT_TRUE(open()->seals_records());
  ASSERT_TRUE(identity->remove(identity_file::kStorageKey));
  EXPECT_TRUE(open()->seals_records()) << "another key does not make unsealed ones good";
}

TEST_F(FileKeysTest, ModelsInAFolderAreSealedUnderIt) {
  auto keys = open();
  ASSERT_TRUE(keys);
  auto const text = std::string(5000, 'w');
  ModelMemory memory(true);
  ModelFiles models(*identity, *keys, memory, ModelFiles::Form::sealed);
  ASSERT_TRUE(models.write("slot.ic.a", 0, as_bytes(text)));
  ASSERT_TRUE(models.sync("slot.ic.a"));
  auto again = open();
  ASSERT_TRUE(again);
  ModelFiles const read(*identity, *again, memory, ModelFiles::Form::sealed);
  EXPECT_EQ(as_text(*read.read("slot.ic.a", 0, 10'000)), text);
  auto const stored = *identity->read("slot.ic.a", 0, 10'000);
  EXPECT_EQ(as_text(stored).find("wwww"), std::string::npos);
}

}  // namespace
}  // namespace godwit::agent
