import Signatures
import Testing

/// The header of `event 0` under `0123456789abcdef0123456789abcdef`, whose base64 has both `+` and `/`:
/// `python3 -c 'import hmac,base64 as b;d=hmac.new(b"0123456789abcdef"*2,b"event 0","sha256").digest()
/// print(d.hex(),b.b64encode(d),b.urlsafe_b64encode(d))'`.
@Suite struct IncomingSignatureTests {
    static let hex = "5e8c7c678a98af45542b0b2dc01add6ff2e994a2bec8ddf83e82bdd5ca7e72ac"
    static let base64 = "Xox8Z4qYr0VUKwstwBrdb/LplKK+yN34PoK91cp+cqw="
    static let webSafe = "Xox8Z4qYr0VUKwstwBrdb_LplKK-yN34PoK91cp-cqw="

    static let forms: [String] = [
        hex, hex.uppercased(), "5E8C\(hex.dropFirst(4))", base64, "\(base64.dropLast())", webSafe,
        "\(webSafe.dropLast())",
    ]

    @Test(arguments: forms) func everyWayOfWritingMeansTheSameBytes(header: String) {
        let code = HMACKey(Secret(Array("0123456789abcdef0123456789abcdef".utf8))).authenticate(Array("event 0".utf8))
        #expect(IncomingSignature.decode(header) == code)
        #expect(IncomingSignature.decode(Array(header.utf8)) == code)
    }

    static let ofWrongLength: [String] = [
        "", "=", "0", "\(hex.dropLast())", "\(hex.dropLast(2))", "\(hex)0", "\(hex)00", "\(hex)\(hex)",
        "\(base64.dropLast(2))", "\(base64.dropLast(4))", "\(base64)=", "A\(base64)", "\(base64)\(base64)",
        // 31 and 33 bytes in 44 characters.
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ]

    static let withStrangeDigits: [String] = [
        "\(hex.dropLast())g", "\(hex.dropLast())-", "0x\(hex.dropFirst(2))", "\(base64.dropLast(2))*=",
        "Xox8Z4qYr0VUKwstwBrdb/LplKK-yN34PoK91cp+cqw=", "\(hex.dropLast())\0", "\(base64.dropLast())\0",
        // Not ASCII: as many characters, or as many bytes, as the right form.
        String(repeating: "é", count: 32), String(repeating: "é", count: 64), String(repeating: "\u{FF11}", count: 64),
        "\(hex.dropLast(2))é", "\(base64.dropLast(3))é=",
    ]

    static let withSomethingAround: [String] = [
        " \(hex)", "\(hex) ", "\(hex)\r\n", "\(hex.dropLast())\n", "\(hex.dropLast(2))  ", " \(base64)", "\(base64)\n",
        " \(base64.dropLast())", "\(base64.dropLast(2))\n=", "sha256=\(hex)", "sha256=\(base64)", "v1,\(base64)",
        "\(hex),\(hex)", "\"\(hex)\"",
    ]

    @Test(arguments: ofWrongLength + withStrangeDigits + withSomethingAround)
    func everythingElseIsNoSignature(header: String) {
        #expect(IncomingSignature.decode(header) == nil)
        #expect(IncomingSignature.decode(Array(header.utf8)) == nil)
    }

    /// Each of the forms with any one byte replaced by one that no alphabet has.
    @Test(arguments: forms) func everyPlaceIsLookedAt(header: String) {
        for place in 0..<header.utf8.count {
            for stranger in [0x00, 0x0A, 0x20, 0x2C, 0x7F, 0x80, 0xFF] as [UInt8] {
                var bytes = Array(header.utf8)
                bytes[place] = stranger
                #expect(IncomingSignature.decode(bytes) == nil)
            }
        }
    }
}
