#include "shared/blobs/aws_signature.h"

#include <gtest/gtest.h>

#include "shared/blobs/s3_xml.h"
#include "shared/crypto.h"

namespace worldshare::blobs {
namespace {

// The examples of "Signature Calculations for the Authorization Header: Transferring Payload in a
// Single Chunk" and "Authenticating Requests: Using Query Parameters", Amazon S3 API Reference.
const AwsIdentity kIdentity{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                            "us-east-1"};
const Clock::TimePoint kNow = from_unix_ms(1369353600000);  // 20130524T000000Z

AwsRequest example(const std::string& method, const std::string& path) {
  AwsRequest request;
  request.method = method;
  request.path = path;
  request.headers["host"] = "examplebucket.s3.amazonaws.com";
  request.payload_sha256 = to_hex(sha256({}));
  return request;
}

std::string signed_as(const AwsRequest& request) {
  const auto headers = sign_headers(kIdentity, request, kNow);
  EXPECT_EQ(headers.at("x-amz-date"), "20130524T000000Z");
  EXPECT_EQ(headers.at("x-amz-content-sha256"), request.payload_sha256);
  return headers.at("authorization");
}

TEST(AwsSignature, GetObject) {
  AwsRequest request = example("GET", "/test.txt");
  request.headers["range"] = "bytes=0-9";
  EXPECT_EQ(signed_as(request),
            "AWS4-HMAC-SHA256 "
            "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
            "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
            "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST(AwsSignature, PutObject) {
  AwsRequest request = example("PUT", "/test$file.text");
  request.headers["date"] = "Fri, 24 May 2013 00:00:00 GMT";
  request.headers["x-amz-storage-class"] = "REDUCED_REDUNDANCY";
  request.payload_sha256 = to_hex(sha256(as_bytes("Welcome to Amazon S3.")));
  EXPECT_TRUE(signed_as(request).ends_with(
      "SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class,"
      "Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"));
}

TEST(AwsSignature, GetBucketLifecycle) {
  AwsRequest request = example("GET", "/");
  request.query["lifecycle"] = "";
  EXPECT_TRUE(signed_as(request).ends_with(
      "Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"));
}

TEST(AwsSignature, ListObjects) {
  AwsRequest request = example("GET", "/");
  request.query = {{"max-keys", "2"}, {"prefix", "J"}};
  EXPECT_TRUE(signed_as(request).ends_with(
      "Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
}

TEST(AwsSignature, PresignedUrl) {
  AwsRequest request = example("GET", "/test.txt");
  request.payload_sha256 = kUnsignedPayload;
  EXPECT_EQ(presign(kIdentity, request, kNow, std::chrono::seconds(86400)),
            "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
            "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
            "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
            "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}

TEST(AwsSignature, EscapesAsAwsDoes) {
  EXPECT_EQ(uri_escape("a b/ü~-._", true), "a%20b/%C3%BC~-._");
  EXPECT_EQ(uri_escape("a/b=c&d", false), "a%2Fb%3Dc%26d");
}

TEST(S3Xml, FindsElementsAndResolvesEntities) {
  const std::string xml =
      "<?xml version=\"1.0\"?><List "
      "xmlns=\"http://x\"><Contents><Key>a&amp;b</Key><ETag>&quot;1&quot;"
      "</ETag></Contents><ContentsElse/><Contents><Key>c</Key></Contents></List>";
  const auto all = xml_elements(xml, "Contents");
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(xml_text(all[0], "Key"), "a&b");
  EXPECT_EQ(xml_text(all[0], "ETag"), "\"1\"");
  EXPECT_EQ(xml_text(all[1], "Key"), "c");
  EXPECT_EQ(xml_text(all[1], "ETag"), "");
  EXPECT_EQ(xml_escape("\"<a&b>\""), "&quot;&lt;a&amp;b&gt;&quot;");
}

TEST(S3Xml, OfWhatIsCutOffThereIsNothing) {
  EXPECT_EQ(xml_text("<Key>a", "Key"), "");
  EXPECT_EQ(xml_text("<Key", "Key"), "");
  EXPECT_EQ(xml_text("</Key><Key>", "Key"), "");
  EXPECT_TRUE(xml_elements("<a><a>", "a").empty());
}

}  // namespace
}  // namespace worldshare::blobs
