#pragma once
// ZooKeeper's four-letter words: which there are, and which are answered unless told otherwise.
//
// Fed by:  nobody; constants.
// Read by: agent/config, which checks what is allowed; coord/server, which answers.
// Thread:  any.
// Source:  ZooKeeper 3.8 FourLetterCommands.

#include <array>
#include <string_view>

namespace coord {

inline constexpr std::array<std::string_view, 18> four_letter_word_names{"conf",
                                                                         "cons",
                                                                         "crst",
                                                                         "dirs",
                                                                         "dump",
                                                                         "envi",
                                                                         "gtmk",
                                                                         "hash",
                                                                         "isro",
                                                                         "mntr",
                                                                         "ruok",
                                                                         "srst",
                                                                         "srvr",
                                                                         "stat",
                                                                         "stmk",
                                                                         "wchc",
                                                                         "wchp",
                                                                         "wchs"};

// What monitoring asks for. The others tell of sessions, paths and the machine, or change figures;
// ZooKeeper answers srvr alone.
inline constexpr std::array<std::string_view, 5> four_letter_words_default{
    "ruok", "srvr", "stat", "mntr", "isro"};

}  // namespace coord
