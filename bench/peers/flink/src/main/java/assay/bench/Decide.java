package assay.bench;

import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/**
 * Decides by a logistic regression. Its weights are made up, since only what it costs is measured. Each record is a new transaction here:
 * one that is sent again is decided again and counts twice, which Assay prevents.
 */
class Decide extends KeyedProcessFunction<String, Transaction, Decision> {
    private static final double[] WEIGHTS = {.3, .02, .2, .01, .1, .01, .05, .01, .1, .15, -.2, .4, .6, .1, .2};
    private static final double BIAS = -7;

    private transient ValueState<History> histories;
    private transient double[] x;

    @Override
    public void open(OpenContext context) {
        histories = getRuntimeContext().getState(new ValueStateDescriptor<>("history", History.class));
        x = new double[Features.COUNT];
    }

    @Override
    public void processElement(Transaction t, Context context, Collector<Decision> out) throws Exception {
        History history = histories.value();
        if (history == null) history = new History();
        Features.of(t, history, x);
        history.add(t.at, t.amount, t.counterparty.hashCode());
        histories.update(history);

        double logit = BIAS;
        for (int i = 0; i < x.length; i++) logit += WEIGHTS[i] * x[i];
        Decision d = new Decision();
        d.id = t.id;
        d.tenant = t.tenant;
        d.customer = t.holder();
        d.time = t.at;
        d.score = 1 / (1 + Math.exp(-logit));
        d.action = d.score < .5 ? "approve" : d.score < .9 ? "review" : "decline";
        d.decidedAt = System.currentTimeMillis();
        if (t.event.length > 0) {
            d.event = t.event;
            d.features = Features.bytes(x);
        }
        out.collect(d);
    }
}
