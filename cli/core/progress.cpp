#include "cli/core/progress.h"

#include <ostream>

#include "cli/core/terminal.h"

namespace godwit::cli {

Progress::Progress(Context& context, std::string label, uint64_t total)
    : context_(context),
      label_(std::move(label)),
      total_(total),
      shown_(!context.quiet && stderr_is_terminal()) {
  show();
}

Progress::~Progress() {
  if (shown_) context_.err << "\r\033[K" << std::flush;
}

void Progress::reached(uint64_t done) {
  uint64_t const percent = total_ ? done * 100 / total_ : 0;
  if (percent == percent_) return;
  percent_ = percent;
  show();
}

void Progress::rename(std::string label, uint64_t total) {
  label_ = std::move(label);
  total_ = total;
  percent_ = 0;
  show();
}

void Progress::show() {
  if (!shown_) return;
  context_.err << "\r\033[K" << printable(label_, false);
  if (total_) context_.err << " " << percent_ << " %";
  context_.err << std::flush;
}

}  // namespace godwit::cli
