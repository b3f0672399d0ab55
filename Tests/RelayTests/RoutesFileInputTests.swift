import Testing

@testable import Relay

@Suite struct RoutesFileInputTests {
    static let utf16: [UInt8] = "{}".utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }

    @Test(
        arguments: [
            (
                [], #"1:1: error: the file is empty: write a JSON object with "sources", "destinations" and "routes""#
            ),
            (
                Array(" \r\n\t".utf8),
                #"1:1: error: the file is empty: write a JSON object with "sources", "destinations" and "routes""#
            ),
            (
                [0xEF, 0xBB, 0xBF] + Array("{}".utf8),
                "1:1: error: the file starts with a byte order mark: save it as UTF-8 without BOM"
            ),
            ([0xFF, 0xFE] + utf16, "1:1: error: the file is written in UTF-16: save it as UTF-8 without BOM"),
            ([0xFE, 0xFF] + utf16, "1:1: error: the file is written in UTF-16: save it as UTF-8 without BOM"),
            (utf16, "1:1: error: the file is written in UTF-16: save it as UTF-8 without BOM"),
            (
                [0x7F, 0x45, 0x4C, 0x46, 2, 1, 1, 0, 0, 0, 0],
                "1:1: error: the file is not text: a routes file is JSON in UTF-8"
            ),
            (Array("{\n\"a\": \"".utf8) + [0xC3, 0x28], "2:7: error: not valid UTF-8: save the file as UTF-8"),
            (
                Array("{\n\"a\": 1".utf8),
                "2:7: error: the text ends too early: a closing bracket, brace or quote is missing"
            ),
            (Array("{\n  // why\n}".utf8), "2:3: error: JSON has no comments: remove this one"),
            (Array("{\"a\": [1,\n]}".utf8), "1:9: error: a comma before the closing bracket: remove it"),
            (Array("{'a': 1}".utf8), "1:2: error: expected a key in double quotes, found '''"),
            (
                Array("[]".utf8),
                #"1:1: error: must be one JSON object with "sources", "destinations" and "routes", not a list"#
            ),
            (
                Array("null".utf8),
                #"1:1: error: must be one JSON object with "sources", "destinations" and "routes", not null"#
            ),
        ] as [([UInt8], String)])
    func unreadableFilesSayWhatTheyAre(bytes: [UInt8], expected: String) {
        #expect(findingLines(bytes) == ["routes.json:" + expected])
    }

    @Test func aHugeFileIsRefusedUnread() {
        let bytes = [UInt8](repeating: UInt8(ascii: " "), count: 16 * 1024 * 1024) + Array("{}".utf8)
        #expect(findingLines(bytes) == ["routes.json:1:1: error: larger than 16777216 bytes"])
    }

    @Test func everyTruncationIsOneFaultOfSyntax() {
        let bytes = Array(routesText(source: #""dedupe": false"#).utf8)
        for length in 1..<bytes.count {
            let (file, findings) = RoutesFile.decode(Array(bytes.prefix(length)))
            #expect(file == nil)
            #expect(findings.count == 1, "cut at \(length)")
        }
    }

    @Test func noByteCrashesTheDecoder() {
        let bytes = Array(routesText(destination: #""sign": {"scheme": "github", "keys": [{"env": "K"}]}"#).utf8)
        for index in bytes.indices {
            for byte in [0, 0x22, 0x2C, 0x30, 0x5B, 0x7B, 0xFF] as [UInt8] {
                var changed = bytes
                changed[index] = byte
                let (file, findings) = RoutesFile.decode(changed)
                #expect((file == nil) == findings.contains { $0.severity == .error })
            }
        }
    }

    @Test func hostileKeysCannotMoveTheTerminal() {
        let text = #"{"sources": {}, "\u001b[2J\u202eabc\u0085": 1, "\#(String(repeating: "x", count: 500))": 2}"#
        let lines = findingLines(text)
        #expect(lines.contains { $0.contains(#"unknown key "\u{1b}[2J\u{202e}abc\u{85}""#) })
        #expect(lines.allSatisfy { line in line.count < 300 && line.utf8.allSatisfy { $0 >= 0x20 } })
    }

    @Test func aKeyWithALineBreakStaysInItsLine() {
        let text = routesText().replacing(#""link": ["a"]"#, with: #""a\nb": [{"prefx": "x"}]"#)
        #expect(findingLines(text).count { $0.contains(#"match.a\u{a}b: unknown operator"#) } == 1)
    }
}
