package assay.bench;

import java.nio.ByteBuffer;

/** Fifteen numbers of a customer's history. Assay has four to five times as many, those of merchants, devices and addresses among them. */
final class Features {
    static final int COUNT = 15;
    private static final long HOUR = 3_600_000L;
    private static final long[] WINDOWS = {HOUR, 24 * HOUR, 7 * 24 * HOUR, 30 * 24 * HOUR};

    private Features() {}

    /** Fills {@code x} for a transaction that is not in the history yet. */
    static void of(Transaction t, History history, double[] x) {
        int counterparty = t.counterparty.hashCode();
        int[] counts = new int[WINDOWS.length];
        long[] sums = new long[WINDOWS.length];
        long newest = t.at - WINDOWS[3];
        boolean met = false;
        for (int i = 0; i < history.size(); i++) {
            long age = t.at - history.times[i];
            newest = Math.max(newest, history.times[i]);
            met |= history.counterparties[i] == counterparty;
            for (int w = WINDOWS.length - 1; w >= 0 && age < WINDOWS[w]; w--) {
                counts[w]++;
                sums[w] += history.amounts[i];
            }
        }
        int n = 0;
        for (int w = 0; w < WINDOWS.length; w++) {
            x[n++] = Math.log1p(counts[w]);
            x[n++] = Math.log1p(sums[w]);
        }
        double mean = counts[3] == 0 ? 0 : (double) sums[3] / counts[3];
        double hour = 2 * Math.PI * (t.at % (24 * HOUR)) / (24 * HOUR);
        x[n++] = Math.log1p(t.amount);
        x[n++] = mean == 0 ? 1 : Math.min(20, t.amount / mean);
        x[n++] = Math.log1p(Math.max(0, t.at - newest) / 1000.0);
        x[n++] = met ? 0 : 1;
        x[n++] = t.channel.equals("ecommerce") ? 1 : 0;
        x[n++] = Math.sin(hour);
        x[n] = Math.cos(hour);
    }

    /** As they are stored: 4 bytes each. */
    static byte[] bytes(double[] x) {
        ByteBuffer bytes = ByteBuffer.allocate(4 * COUNT);
        for (double value : x) bytes.putFloat((float) value);
        return bytes.array();
    }
}
