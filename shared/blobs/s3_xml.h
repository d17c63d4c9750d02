#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace worldshare::blobs {

/// What S3's answers need of XML: the text of the first element `name`, entities resolved; empty
/// when there is none.
std::string xml_text(std::string_view xml, std::string_view name);

/// The insides of all elements `name`, in their order; they do not nest.
std::vector<std::string_view> xml_elements(std::string_view xml, std::string_view name);

/// Text for an element.
std::string xml_escape(std::string_view text);

}  // namespace worldshare::blobs
