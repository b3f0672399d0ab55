// Replaced by the signatures' own files.
package enum SHA256 { package static func digest(of bytes: [UInt8]) -> [UInt8] { [] } }
package enum Hex {
    package static func decode(_ digits: ArraySlice<UInt8>) -> [UInt8]? { nil }
    package static func encode(_ bytes: [UInt8]) -> String { "" }
}
package struct Verifier: Sendable { package func matchingLabel(_ header: String, body: [UInt8]) -> String? { nil } }
package struct Signer: Sendable { package func headers(id: String, timestampSeconds: Int64, body: [UInt8]) -> [(name: String, value: String)] { [] } }
