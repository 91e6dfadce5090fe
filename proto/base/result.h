// Result<T>: a value or an Error, and TRY, which lets failure read as a straight line.
#pragma once

#include <optional>
#include <utility>
#include <variant>

#include "proto/base/error.h"

namespace godwit {

template <typename T = void>
class [[nodiscard]] Result {
 public:
  using Value = T;
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  explicit operator bool() const { return state_.index() == 0; }
  auto operator*() & -> T& { return checked(); }
  auto operator*() const& -> T const& { return const_cast<Result&>(*this).checked(); }
  auto operator*() && -> T&& { return std::move(checked()); }
  auto operator->() -> T* { return &checked(); }
  auto operator->() const -> T const* { return &**this; }
  auto error() const& -> Error const& {
    CHECK(state_.index() == 1);
    return *std::get_if<1>(&state_);
  }
  auto error() && -> Error&& {
    CHECK(state_.index() == 1);
    return std::move(*std::get_if<1>(&state_));
  }
  auto value_or(T other) const& -> T { return *this ? **this : std::move(other); }
  /// Adds context to the error, if there is one.
  auto within(std::string_view context) && -> Result {
    if (*this) return std::move(*this);
    return std::move(std::move(*this).error()).within(context);
  }

 private:
  auto checked() -> T& {
    CHECK(state_.index() == 0);
    return *std::get_if<0>(&state_);
  }
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  using Value = void;
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  explicit operator bool() const { return !error_; }
  auto error() const& -> Error const& {
    CHECK(error_.has_value());
    return *error_;
  }
  auto error() && -> Error&& {
    CHECK(error_.has_value());
    return std::move(*error_);
  }
  auto within(std::string_view context) && -> Result {
    if (error_) error_ = std::move(*error_).within(context);
    return std::move(*this);
  }

 private:
  std::optional<Error> error_;
};

}  // namespace godwit

#define GODWIT_JOIN_(a, b) a##b
#define GODWIT_JOIN(a, b) GODWIT_JOIN_(a, b)

/// TRY(auto value, expression): binds the value, or returns the error from this function.
#define TRY(declaration, ...) TRY_(GODWIT_JOIN(try_result_, __LINE__), declaration, __VA_ARGS__)
#define TRY_(temporary, declaration, ...)              \
  auto temporary = (__VA_ARGS__);                      \
  if (!temporary) return std::move(temporary).error(); \
  declaration = *std::move(temporary)

/// TRY_VOID(expression): returns the error from this function, if there is one.
#define TRY_VOID(...) \
  if (auto try_void = (__VA_ARGS__); !try_void) return std::move(try_void).error()
