import Relay
import Testing

@Suite struct EventIDPrefixTests {
    private static let id = EventID(high: 0xF123_4567_89AB_CDEF, low: 0x0123_4567_89AB_CDEF)

    @Test(arguments: [
        "f1234567", "evt_f1234567", "f123456789abcdef", "evt_f123456789abcdef0", "f123456789abcdef0123456789abcdef",
    ])
    func aStartFits(text: String) throws {
        let prefix = try #require(EventIDPrefix(text))
        #expect(prefix.fits(Self.id) && prefix.highs.contains(Self.id.high))
    }

    @Test(arguments: ["f1234568", "f123456789abcdf0", "evt_f123456789abcdef1", "e1234567"])
    func anotherStartDoesNot(text: String) throws { #expect(try !#require(EventIDPrefix(text)).fits(Self.id)) }

    @Test func theRangeEndsWhereNothingFitsAnyMore() throws {
        let prefix = try #require(EventIDPrefix("ffffffff"))
        #expect(prefix.highs == 0xFFFF_FFFF_0000_0000...UInt64.max)
        #expect(try #require(EventIDPrefix("0123456789abcdef")).highs == 0x0123_4567_89AB_CDEF...0x0123_4567_89AB_CDEF)
    }

    @Test(arguments: ["", "f123456", "evt_f123456", "F1234567", "f123456g", "evt_" + String(repeating: "0", count: 33)])
    func anythingElseIsNone(text: String) { #expect(EventIDPrefix(text) == nil) }
}
