// Replaced by the signatures' own files.
package enum SHA256 { package static func digest(of bytes: [UInt8]) -> [UInt8] { [] } }
package enum Hex {
    package static func decode(_ digits: ArraySlice<UInt8>) -> [UInt8]? { nil }
    package static func encode(_ bytes: [UInt8]) -> String { "" }
}
